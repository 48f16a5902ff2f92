"""What was found about a restoration, as one page that opens anywhere and prints: no file beside it is needed."""

from .of_stack import report_of, stack_pictures
from .page import Facts, Picture, report_html, write_report

__all__ = ["Facts", "Picture", "report_html", "report_of", "stack_pictures", "write_report"]
