"""A file in the form that WeCom takes it in."""

import pytest

from esb.channels.wechat.media import MediaFile


@pytest.mark.parametrize(
    ("name", "content", "head"),
    [
        ("a.png", b"PNG", b'filename="a.png"; filelength=3\r\nContent-Type: image/png\r\n\r\n'),
        ("", b"\xff\xd8\xff!", b'filename="image.jpg"; filelength=4\r\nContent-Type: image/jpeg\r\n\r\n'),
        ("", b"PNG", b'filename="image.png"; filelength=3\r\nContent-Type: image/png\r\n\r\n'),
        ('a"b', b"", b'filename="a%22b"; filelength=0\r\nContent-Type: application/octet-stream\r\n\r\n'),
    ],
)
def test_a_file_has_its_name_its_length_and_its_media_type(name: str, content: bytes, head: bytes) -> None:
    file = MediaFile.of("image", name, content)
    boundary = file.content_type.removeprefix("multipart/form-data; boundary=").encode()
    assert file.form == (
        b'--%b\r\nContent-Disposition: form-data; name="media"; %b%b\r\n--%b--\r\n'
        % (boundary, head, content, boundary)
    )
