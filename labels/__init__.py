"""Labels: a Digital Link becomes a symbol, the symbol a layout in millimetres, the layout SVG or PNG."""
