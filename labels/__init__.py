"""Labels: a template and a content become a page in millimetres, the page a print whose symbols were read
back, and the print SVG, PNG, PDF or ZPL.

    prepare_print(layout(find_template("product-50x30"), gs1_content(elements)), dpi=300)
"""

from labels.content import Content, gs1_content, other_content
from labels.formats import MEDIA_TYPES, Format, write_labels
from labels.layout import Page, layout
from labels.pdf import write_pdf
from labels.png import to_png
from labels.printing import Print, prepare_print
from labels.sheet import find_sheet
from labels.svg import to_svg
from labels.template import Template, find_template, template_names
from labels.terminal import to_terminal
from labels.zpl import to_zpl

__all__ = [
    "MEDIA_TYPES",
    "Content",
    "Format",
    "Page",
    "Print",
    "Template",
    "find_sheet",
    "find_template",
    "gs1_content",
    "layout",
    "other_content",
    "prepare_print",
    "template_names",
    "to_png",
    "to_svg",
    "to_terminal",
    "to_zpl",
    "write_labels",
    "write_pdf",
]
