"""Character sets in which texts from outside are read: those of a form's field, or of an upstream's answer."""

CHARACTER_SETS = {
    **dict.fromkeys(("utf-8", "utf8", "utf_8"), "utf-8"),
    **dict.fromkeys(("ascii", "us-ascii"), "ascii"),
    **dict.fromkeys(("latin-1", "latin1", "iso-8859-1", "iso_8859-1", "iso8859-1"), "latin-1"),
    # GB2312 and GBK, which has four more names, are parts of GB18030.
    **dict.fromkeys(("gb18030", "gbk", "gb2312", "x-gbk", "cp936", "ms936", "windows-936"), "gb18030"),
}
"""Name of a character set, in lower case -> its codec. Of Python's other codecs, some take hours for a body."""
