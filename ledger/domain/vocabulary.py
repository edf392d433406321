"""The closed vocabularies of an event: bare words, and every other spelling of the same value.

EPCIS 2.0 writes a standard value in three ways: a bare word in JSON (`receiving`), a web URI
(`https://ref.gs1.org/cbv/BizStep-receiving`) and, in XML of older days, a URN
(`urn:epcglobal:cbv:bizstep:receiving`). We keep the word and give the URI on request.
Words are those of CBV 2.0, sections 7.1 to 7.6 and its sensor tables. Private values are URIs: not listed.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ledger.domain.errors import Invalid

CBV: Final = "https://ref.gs1.org/cbv/"
GS1_VOC: Final = "https://ref.gs1.org/voc/"

STANDARD_PREFIXES: Final[Mapping[str, str]] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": CBV,
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": GS1_VOC,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""What the standard JSON-LD context of EPCIS 2.0.1 declares, and so need not be declared again."""


class Vocabulary:
    """The words allowed in one field, `stems` being what their other spellings begin with.

    The first stem gives the URI of a word.
    """

    def __init__(self, name: str, stems: Iterable[str], words: str) -> None:
        self.name = name
        self.words: Final = frozenset(words.split())
        first, *_ = stems = tuple(stems)
        self._uris = {word: first + word for word in self.words}
        self._urns = {word: stem + word for stem in stems if stem.startswith("urn:") for word in self.words}
        self._spellings = {stem + word: word for stem in ("", *stems) for word in self.words}

    def shorten(self, value: str) -> str:
        """The bare word for any spelling of a standard value; a private URI as it is.

        Raises Invalid for a word or a GS1 vocabulary URI that the standard does not have.
        """
        word = self._spellings.get(value)
        if word is not None:
            return word
        if ":" not in value:
            raise Invalid(f"{value!r} is no {self.name} of CBV 2.0: correct it, or write a URI of your own")
        if _GS1_NAMESPACE.match(value):
            raise Invalid(f"{value!r} is in a GS1 namespace but is no {self.name} of CBV 2.0")
        return value

    def expand(self, value: str) -> str:
        """The web URI of a bare word; a private URI as it is."""
        return self._uris.get(value, value)

    def urn(self, value: str) -> str:
        """The URN of a bare word, and its web URI where it has no URN; a private URI as it is."""
        return self._urns.get(value) or self.expand(value)


_GS1_NAMESPACE = re.compile(r"https?://(?:(?:ref|ns|www)\.)?gs1\.org/(?:cbv|voc)/|urn:epcglobal:cbv:")


def _cbv(name: str, web: str, urn: str, words: str) -> Vocabulary:
    stems = (f"{CBV}{web}-", f"https://ns.gs1.org/cbv/{web}-", f"urn:epcglobal:cbv:{urn}:")
    return Vocabulary(name, stems, words)


def _gs1(name: str, words: str) -> Vocabulary:
    return Vocabulary(name, (GS1_VOC, "https://gs1.org/voc/", "https://www.gs1.org/voc/"), words)


BIZ_STEP: Final = _cbv(
    "bizStep",
    "BizStep",
    "bizstep",
    """
    accepting arriving assembling collecting commissioning consigning creating_class_instance
    cycle_counting decommissioning departing destroying disassembling dispensing encoding
    entering_exiting holding inspecting installing killing loading other packing picking receiving
    removing repackaging repairing replacing reserving retail_selling sampling sensor_reporting shipping
    staging_outbound stock_taking stocking storing transporting unloading unpacking void_shipping
    """,
)

DISPOSITION: Final = _cbv(
    "disposition",
    "Disp",
    "disp",
    """
    active available completeness_inferred completeness_verified conformant container_closed
    container_open damaged destroyed dispensed disposed encoded expired in_progress in_transit inactive
    mismatch_class mismatch_instance mismatch_quantity needs_replacement no_pedigree_match
    non_conformant non_sellable_other partially_dispensed recalled reserved retail_sold returned
    sellable_accessible sellable_not_accessible stolen unavailable unknown
    """,
)

BIZ_TRANSACTION_TYPE: Final = _cbv(
    "business transaction type",
    "BTT",
    "btt",
    """
    bol cert desadv inv pedigree po poc prodorder recadv rma testprd testres upevt
    """,
)

SOURCE_DESTINATION_TYPE: Final = _cbv(
    "source or destination type",
    "SDT",
    "sdt",
    """
    location owning_party possessing_party
    """,
)

ERROR_REASON: Final = _cbv(
    "error reason",
    "ER",
    "er",
    """
    did_not_occur incorrect_data
    """,
)

COMPONENT: Final = _cbv(
    "sensor component",
    "Comp",
    "comp",
    """
    altitude axial_distance azimuth easting elevation_angle height latitude longitude northing
    polar_angle spherical_radius x y z
    """,
)

MEASUREMENT_TYPE: Final = _gs1(
    "measurement type",
    """
    AbsoluteHumidity AbsorbedDose AbsorbedDoseRate Acceleration Altitude AmountOfSubstance
    AmountOfSubstancePerUnitVolume Angle AngularAcceleration AngularMomentum AngularVelocity Area
    Capacitance Conductance Conductivity Count Density Dimensionless DoseEquivalent DoseEquivalentRate
    DynamicViscosity ElectricCharge ElectricCurrent ElectricCurrentDensity ElectricFieldStrength Energy
    Exposure Force Frequency Illuminance Inductance Irradiance KinematicViscosity Length LinearMomentum
    Luminance LuminousFlux LuminousIntensity MagneticFlux MagneticFluxDensity MagneticVectorPotential
    Mass MassConcentration MassFlowRate MassPerAreaTime MemoryCapacity MolalityOfSolute MolarEnergy
    MolarMass MolarVolume Power Pressure RadiantFlux RadiantIntensity Radioactivity RelativeHumidity
    Resistance Resistivity SolidAngle SpecificVolume Speed SurfaceDensity SurfaceTension Temperature
    Time Torque Voltage Volume VolumeFlowRate VolumeFraction VolumetricFlux Wavenumber
    """,
)

ALERT_TYPE: Final = _gs1(
    "sensor alert type",
    """
    ALARM_CONDITION ERROR_CONDITION
    """,
)
