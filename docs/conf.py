"""Sphinx: everything needed is in this folder, nothing is fetched."""

from mailsvc import __version__

project = "mailsvc"
author = "The mailsvc developers"
copyright = author
release = __version__
language = "en"
html_theme = "alabaster"
html_theme_options = {
    "page_width": "1100px",
    "sidebar_width": "240px",
    "description": "A complete mail service on Twisted",
}
html_show_sourcelink = False
exclude_patterns = ["_build"]
nitpicky = True
