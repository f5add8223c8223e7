"""Event files that TensorBoard's own reader takes."""

from pathlib import Path

from analysis.export.tensorboard import write
from engine.arithmetic import tf


def test_tensorflow_reads_what_was_written(tmp_path: Path) -> None:
    """The framing, its checksums and the messages are TensorFlow's own."""
    from tensorflow.core.util import event_pb2

    path = tmp_path / "events.out.tfevents.x"
    points = [(1.5, 300, {"a": 0.25}), (2.5, 70_000, {"a": -1.0, "b": 3.0})]
    assert write(path, points) == 2

    events = [
        event_pb2.Event.FromString(data.numpy()) for data in tf.data.TFRecordDataset(str(path))
    ]

    assert events[0].file_version == "brain.Event:2"
    read = [
        (e.wall_time, e.step, {v.tag: v.simple_value for v in e.summary.value}) for e in events[1:]
    ]
    assert read == points
