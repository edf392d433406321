"""The XML binding of EPCIS 2.0, and documents of EPCIS 1.0 to 1.2.

XML is read into the form of the JSON binding and validated there, so that one rule is written once; and it is
written from the stored form, which is JSON.
"""

from ledger.xml.reader import parse_xml
from ledger.xml.writer import CbvFormat, write_capture_job, write_problem, write_xml

__all__ = ["CbvFormat", "parse_xml", "write_capture_job", "write_problem", "write_xml"]
