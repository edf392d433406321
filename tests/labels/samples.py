"""One content for each template that comes with Suyuan."""

from labels import Content, gs1_content, other_content

STEM = "https://id.trace.example"
SGTIN = (("01", "09506000134352"), ("10", "L20261115A"), ("21", "SN00000001"))
SSCC = (("00", "106141412345678908"),)
LINK = f"{STEM}/01/09506000134352/10/L20261115A/21/SN00000001"
DATES = {"produced": "2026-11-15", "expiry": "2027-12-31"}
VACCINE = {
    "name": "Influenza vaccine 0.5 mL",
    "name_zh": "流感病毒裂解疫苗",
    "celsius_min": "2",
    "celsius_max": "8",
}
SHRIMP = {
    "name": "Argentine red shrimp, frozen",
    "name_zh": "冷冻阿根廷红虾",
    "celsius_min": "-25",
    "celsius_max": "-18",
    "importer": "大连海味进口有限公司",
    "registration_number": "2100600123",
}

CONTENTS: dict[str, Content] = {
    "product-50x30": gs1_content(SGTIN, STEM, VACCINE | DATES),
    "vaccine-vial-40x20": gs1_content(SGTIN, STEM, VACCINE | DATES),
    "vaccine-carton-90x50": gs1_content(SGTIN, STEM, VACCINE | DATES | {"manufacturer": "溯源生物"}),
    "case-100x100": gs1_content(SGTIN, STEM, VACCINE | DATES | {"3102": "001250"}),
    "logistic-100x150": gs1_content(
        SSCC,
        STEM,
        {
            "content": "19506000134359",
            "count": "24",
            "lot": "L20261115A",
            "best_before": "2027-12",
            "ship_from": "溯源生物制品有限公司，北京市大兴区生物医药基地 1 号",
            "ship_to": "上海市疾病预防控制中心，上海市长宁区中山西路 1380 号",
        },
    ),
    "cold-chain-100x150": gs1_content(SSCC, STEM, SHRIMP | DATES | {"lot": "L20261115A"}),
    "imported-food-100x100": gs1_content(
        SGTIN,
        STEM,
        SHRIMP
        | DATES
        | {
            "net_content": "2 kg × 6",
            "origin": "阿根廷 Argentina",
            "producer_number": "AR-2451",
            "destination": "中华人民共和国 辽宁省大连市",
            "inspection_number": "120000126000417001",
        },
    ),
    "emergency-supplies-100x70": other_content(
        "88.118.1001/YJ-2026-000417",
        {
            "name": "Tent, 12 m², single, winter",
            "name_zh": "12 平方米单帐篷（救灾专用）",
            "supply_class": "1010102",
            "quantity": "20 顶",
            "ship_to": "吉林省延边州应急管理局",
            "priority": "一级 URGENT",
        },
    ),
}

EXPECTED: dict[str, list[tuple[str, bytes]]] = {
    "product-50x30": [("]Q1", LINK.encode())],
    "vaccine-vial-40x20": [("]d2", b"01095060001343521727123110L20261115A\x1d21SN00000001")],
    "vaccine-carton-90x50": [
        ("]Q1", LINK.encode()),
        ("]d2", b"01095060001343521727123110L20261115A\x1d21SN00000001"),
    ],
    "case-100x100": [("]C1", b"0109506000134352"), ("]Q1", LINK.encode())],
    "logistic-100x150": [
        ("]C1", b"00106141412345678908"),
        ("]C1", b"02195060001343593724"),
        ("]Q1", f"{STEM}/00/106141412345678908".encode()),
    ],
    "cold-chain-100x150": [
        ("]C1", b"00106141412345678908"),
        ("]Q1", f"{STEM}/00/106141412345678908?4333=002500-&4331=001800-".encode()),
    ],
    "imported-food-100x100": [("]Q1", LINK.encode())],
    "emergency-supplies-100x70": [("]Q1", b"88.118.1001/YJ-2026-000417")],
}
"""What a scanner must send for each, written down by hand: symbology identifier and content."""
