"""The event log: an append-only, checksummed, chained, gapless sequence of records.

Use
---

::

    with Log.open(directory) as log:               # creates, locks, recovers    eventlog.log
        batch = log.append([quote, trade])         # returns when they are durable
        log.seal()                                 # full segments become Parquet, when you ask
    reader = Reader.open(directory)                # with or without a writer    eventlog.reader
    for batch in reader.read(0, reader.end):       # Arrow, in order, verified
        for offset, record in decode(batch): ...                                 eventlog.schema
    for finding in check(directory): ...           # reads every byte           eventlog.integrity

The rule that a caller can break: use records only after `append` has returned (I2).

The guarantee
-------------

A record whose append returned is on stable storage. After SIGKILL, a crash of the system or loss of
power at any moment, recovery and sealing included, every such record is there, in order, exactly
once, and no record appears that was not submitted. Any change of a stored bit of an acknowledged
record, and any missing, swapped, repeated or shortened frame or file, is reported with file, offset
and cause, and stops the writer. In open segments, manifest and watermark it is found when the log
is opened for writing, elsewhere when the bytes are read or checked. Nothing is ever truncated
without a copy in ``quarantine/``.

It assumes that a sync is honest, and that a power cut leaves each 512-byte sector old or new. One
case is not covered: a power cut together with damage to the very last commit, before the watermark
was forced to the disk. The damage then looks like an interrupted write and is truncated, with a
copy. `Log.sync_watermark` ends that window; a session calls it when no record has come for a fifth
of a second. (A watermark as durable as each commit would need a second sync and twice the time. It
cannot share the first sync, since nothing orders two writes before one sync.) One machine cannot
repair what its disk lost: keep copies of sealed files elsewhere.

The format, version 1
---------------------

A log is a directory. Files that are not named here are not part of it.

``MANIFEST``
    Lines of JSON, replaced as a whole. Which log this is, and its sealed segments.
``mark``
    The watermark, in two slots of 4096 bytes: how far the log was durable.
``00000000000000000000.parquet``
    A sealed segment, named by its first offset in twenty digits. Never changed.
``00000000000000000008.open``
    An open segment: frames, then zeros up to the file's size, which never changes.
``quarantine/``
    Bytes of interrupted writes, one file for each.
``LOCK``
    Held by the one writer. Empty.

The bytes below are those of ``fixtures/format-1/log``, in which offsets 0 to 7 are sealed. All
integers are little-endian. Checksums are CRC-32C (Castagnoli), digests BLAKE3.

**The manifest** holds format, version and identity; then, for each sealed segment, its offsets, its
size, its digest, and the chain values before and after; then the digest of the lines above. The
last line has the same form in every version. ::

    {"format": "trader.eventlog", "version": 1, "identity": "0b469f152918de8c20572bb271da0825"}

**The chain** begins as ``BLAKE3("trader.eventlog" || identity)``. After each record frame it is
``BLAKE3(chain || header || body as stored)``. So before offset 0 and before offset 8 it is ::

    4e03907a6f343472909ad2233fbf506f9a9048e695bc3bb3a8fd2fd054dfe612
    a307b16874bbe2aacfef592dc5b5be1f2e2c60bd22b76a3d09e8e88736182d47

**An open segment** begins with a frame of kind 1. At byte 0 of the segment of offset 8::

    45564631                              magic "EVF1"
    01 01 01 00                           version 1, kind 1 (segment), codec 1 (zstd), no flags
    0800000000000000                      first offset 8
    00000000                              0 records
    1a050000                              1306 bytes of body as stored
    300e0000                              3632 bytes before compression
    01000000                              epoch 1: the first opening wrote it
    a307b16874bbe2aa                      tag: the first 8 bytes of the chain value before offset 8
    a307b16874bbe2aacfef592dc5b5be1f      link: the first 16
    f7c8db88                              CRC-32C of the body as stored
    bc4467f4                              CRC-32C of the 60 bytes above

Its body is the identity (16 bytes), the chain value before the first record (32), the room for
frames after this one (8), and the Arrow schema of the records as an IPC message. The schema's
metadata holds the version of the vocabulary, ``trader.schema``, whose history is in
`eventlog.schema`; a segment of a newer version is refused, like one of a newer format. Zeros follow
up to a multiple of 64, so the next frame begins at 64 + 1344 = 1408::

    45564631                              magic "EVF1"
    01 02 01 00                           version 1, kind 2 (records), codec 1, no flags
    0800000000000000                      first offset 8
    01000000                              1 record
    be000000                              190 bytes of body as stored
    08020000                              520 bytes before compression
    01000000                              epoch 1
    a307b16874bbe2aa                      tag: that of the segment
    a307b16874bbe2aacfef592dc5b5be1f      link: as above, since no frame came between
    f931464a                              CRC-32C of the body as stored
    092162e7                              CRC-32C of the 60 bytes above

Its body, decompressed, is a mask, eight bytes for every 64 columns of the schema that are begun,
and the columns whose bits are set (column 0 is bit 0 of byte 0), as one Arrow record batch: an IPC
message without its schema, uncompressed by Arrow. All other columns are null. The record of offset
8 is the end of a session: it has ``offset``, ``kind``, ``received_ns``, ``why``, ``session`` and
``detail``, and its mask is ::

    0b00800c00000000

Each commit is one frame, and the next frame is written only when this one is durable.

**The watermark** has the magic "EVM1", version, counter, identity, the number of durable records,
the first offset of the segment that holds the last one, the byte position after that record, the
chain value there, the epoch and a CRC-32C: 96 bytes, then zeros.
The slot with the higher counter counts. At byte 0::

    45564d31 01000000 0c00000000000000 0b469f152918de8c20572bb271da0825
    1200000000000000 1000000000000000 c007000000000000
    bcda1da28fa5abc54b5a2010bf5afe67a9dcaaac68f79bb4bc4735852776e790 02000000 ceb73ff9

**A sealed segment** is a Parquet file with the columns of `eventlog.schema` and one more,
``chain``: the link after each frame, on the frame's last record.

`eventlog.recovery` has the table of what is repaired and what is refused, `eventlog.sealing` the
steps of sealing; `eventlog.watermark` explains how an interrupted write is distinguished from
damage.
"""
