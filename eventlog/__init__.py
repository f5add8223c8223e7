"""The past: an append-only, checksummed, chained, gapless sequence of records.

Use
---

::

    with Log.open(directory) as log:               # creates, locks, recovers    eventlog.log
        batch = log.append([quote, trade])         # returns when they are durable
        log.seal()                                 # full segments become Parquet, when you say so
    reader = Reader.open(directory)                # beside a writer or without  eventlog.reader
    for batch in reader.read(0, reader.end):       # Arrow, in order, verified
        for offset, record in decode(batch): ...                                 eventlog.schema
    for finding in check(directory): ...           # reads every byte           eventlog.integrity

One rule that a caller can break: records are to be used only when `append` has returned (I2).

The promise
-----------

A record whose append returned is on stable storage. After SIGKILL, a crash of the system or loss of
power at any moment, also during recovery and sealing, every such record is there, in order, once,
and none appears that was not submitted. Any change of a stored bit of an acknowledged record, any
missing, swapped, repeated or shortened frame or file is reported with file, offset and cause, and
stops the writer. Nothing is ever cut without a copy in ``quarantine/``.

It assumes that a sync is honest, and that a power cut leaves each 512-byte sector old or new. It
has one soft spot: after a power cut before `Log.sync_mark`, damage to the very last commit looks
like an interrupted write, and is cut, with a copy. One machine cannot repair what its disk lost:
keep copies of sealed files elsewhere.

The format, version 1
---------------------

A log is a directory. What is not named here is not part of it.

``MANIFEST``
    Lines of JSON, replaced as a whole. Which log this is, and its sealed segments.
``mark``
    Two slots of 4096 bytes: how far the log was durable.
``00000000000000000000.parquet``
    A sealed segment, named by its first offset in twenty digits. Never changed.
``00000000000000000008.open``
    An open segment: frames, then zeros up to the size that the file always had.
``quarantine/``
    Bytes that an interrupted write left, one file for each time.
``LOCK``
    Held by the one writer. Empty.

The bytes below are those of ``fixtures/format-1/log``, in which offsets 0 to 7 are sealed. All
integers are little-endian. Checksums are CRC-32C (Castagnoli), digests BLAKE3.

**The manifest** says format, version and identity; then, per sealed segment, the offsets that it
holds, its size, its digest, and the chain values before and after; then the digest of the lines
above. The last line is the same in every version. ::

    {"format": "trader.eventlog", "version": 1, "identity": "42b0e792aef4f963c9d6de76c0456997"}

**The chain** begins as ``BLAKE3("trader.eventlog" || identity)``. Each record frame makes of it
``BLAKE3(chain || header || body as stored)``. So before offset 0 and before offset 8 it is ::

    4a4494005d9f2a3d5ef3d4e18fa224f640e8b5606339d9ab8965903b13c79ffa
    631981aa9cb6b7749b3f68dffd77745f3b63d611856ef43ce02576b9fda4ee54

**An open segment** begins with a frame of kind 1. At byte 0 of the segment of offset 8::

    45564631                              magic "EVF1"
    01 01 01 00                           version 1, kind 1 (segment), codec 1 (zstd), no flags
    0800000000000000                      first offset 8
    00000000                              0 records
    16050000                              1302 bytes of body as stored
    300e0000                              3632 bytes before compression
    01000000                              epoch 1: the first opening wrote it
    631981aa9cb6b774                      tag: the first 8 bytes of the chain value before offset 8
    631981aa9cb6b7749b3f68dffd77745f      link: the first 16
    53420ea6                              CRC-32C of the body as stored
    fc8fb383                              CRC-32C of the 60 bytes above

Its body is the identity (16 bytes), the chain value before the first record (32), the room for
frames behind this one (8), and the Arrow schema of the records as an IPC message. Zeros follow up
to a multiple of 64, so the next frame begins at 64 + 1344 = 1408::

    45564631                              magic "EVF1"
    01 02 01 00                           version 1, kind 2 (records), codec 1, no flags
    0800000000000000                      first offset 8
    01000000                              1 record
    f9010000                              505 bytes of body as stored
    e00f0000                              4064 bytes before compression
    01000000                              epoch 1
    631981aa9cb6b774                      tag: that of the segment
    631981aa9cb6b7749b3f68dffd77745f      link: nothing came between
    9be009bd                              CRC-32C of the body as stored
    30d3132c                              CRC-32C of the 60 bytes above

Its body is one Arrow record batch as an IPC message, without its schema, uncompressed by Arrow.
There is one frame a commit, and the next is written only when this one is durable.

**The mark** has the magic "EVM1", version, counter, identity, the number of durable records, the
first offset of the segment that holds the last, the byte position behind it, the chain value there,
the epoch and a CRC-32C: 96 bytes, then zeros. The slot with the higher counter counts. At byte 0::

    45564d31 01000000 0c00000000000000 42b0e792aef4f963c9d6de76c0456997
    1200000000000000 0f00000000000000 400d000000000000
    16f686b50c72c394684a50ddbc46791b3f74496984a6d6ae3254ca8dde375b4f 02000000 e0b9fb7d

**A sealed segment** is a Parquet file with the columns of `eventlog.schema` and one more,
``chain``: the link behind each frame, on the frame's last record.

Which interrupted writes are repaired, and what is refused, is the table in `eventlog.recovery`; the
steps of sealing are in `eventlog.sealing`; how a crash is told from damage is in `eventlog.mark`.
"""
