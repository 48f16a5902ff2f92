"""How a report looks, on a screen and on paper."""

__all__ = ["STYLE"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 62rem;
  margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .3rem; overflow-wrap: anywhere; }
section { margin: 1.5rem 0; break-inside: auto; }
.verdict { border: 2px solid #555; border-left-width: 10px; padding: .8rem 1rem; break-inside: avoid; }
.verdict.trust { border-color: #1a7f37; } .verdict.care { border-color: #b06000; }
.verdict.stop { border-color: #b3261e; border-style: double; border-left-style: solid; }
.mark { display: inline-block; width: 1.4em; text-align: center; font-weight: bold; }
.action { font-style: italic; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; break-inside: avoid; } figure.shot { width: 178px; }
figure img { width: 100%; height: auto; image-rendering: pixelated; border: 1px solid #ccc;
  box-sizing: border-box; } .tiles figure { max-width: 340px; flex: none; } figcaption { font-size: .85rem; }
figcaption small { color: #444; font-size: .75rem; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top;
  overflow-wrap: anywhere; } tbody th { font-weight: 600; } th { white-space: nowrap; } tr { break-inside: avoid; }
pre { background: #f3f3f3; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 10.5pt; } pre { border: 1px solid #bbb; }
  h2, h3 { break-after: avoid; } .tiles { gap: .4rem; } figure.shot { width: 3.2cm; }
  .again { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } @page { margin: 1.5cm; } }
"""
