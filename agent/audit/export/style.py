"""The one style sheet of an evidence page: screen and paper, light and dark, nothing from outside.

Each pair of ink and ground has a contrast of at least 4.5 to 1 (held by a test).
"""

LIGHT = {
    "ground": "#fbfaf7",
    "card": "#ffffff",
    "ink": "#1d2129",
    "soft": "#565d6b",
    "line": "#dcd8cf",
    "accent": "#1f4f82",
    "good": "#17603a",
    "good-ground": "#e3f2e8",
    "mixed": "#7a4a00",
    "mixed-ground": "#fbefd5",
    "bad": "#97241f",
    "bad-ground": "#fbe6e3",
}
DARK = {
    "ground": "#14161a",
    "card": "#1c1f25",
    "ink": "#e8e6e1",
    "soft": "#a7adb8",
    "line": "#363b45",
    "accent": "#8fbcec",
    "good": "#8fd7aa",
    "good-ground": "#17301f",
    "mixed": "#f0c674",
    "mixed-ground": "#38290c",
    "bad": "#f2a29c",
    "bad-ground": "#3b1a18",
}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


STYLE = f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--ink);
 font:16px/1.55 "Segoe UI",system-ui,-apple-system,"Helvetica Neue","DejaVu Sans",sans-serif}}
main,footer{{max-width:60rem;margin:0 auto;padding:0 1.25rem}}
header{{padding:2.5rem 0 .5rem}}
.kicker{{margin:0;color:var(--soft);font-size:.85rem;letter-spacing:.06em;text-transform:uppercase}}
h1{{margin:.35rem 0 .8rem;font-size:1.9rem;line-height:1.25;font-weight:650;overflow-wrap:anywhere}}
h1::first-letter{{text-transform:uppercase}}
h2{{margin:0 0 1rem;font-size:1.15rem;font-weight:650}}
h3{{margin:0 0 .6rem;font-size:1rem;font-weight:650;overflow-wrap:anywhere}}
h3::first-letter{{text-transform:uppercase}}
p{{margin:.3rem 0 .8rem}}
section{{margin:2.2rem 0;padding-top:1.3rem;border-top:1px solid var(--line)}}
em{{color:var(--soft)}}
code{{font-family:"Cascadia Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:.86em;
 overflow-wrap:anywhere}}
.id{{color:var(--soft)}}
.who{{overflow-wrap:anywhere}}
.soft{{color:var(--soft);font-size:.9rem}}
.chip{{display:inline-block;padding:.08rem .6rem;border-radius:1rem;border:1px solid currentColor;
 font-size:.85rem;font-weight:600;max-width:100%;overflow-wrap:break-word}}
time{{white-space:nowrap}}
.good{{color:var(--good);background:var(--good-ground)}}
.mixed{{color:var(--mixed);background:var(--mixed-ground)}}
.bad{{color:var(--bad);background:var(--bad-ground)}}
.plain{{color:var(--soft)}}
.alarm{{border-left:4px solid var(--bad);padding:.6rem 1rem;margin:1rem 0;color:var(--bad);
 background:var(--bad-ground)}}
.alarm ul{{margin:.2rem 0;padding-left:1.2rem}}
dl{{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.4rem;margin:0 0 1rem}}
dt{{color:var(--soft)}}
dd{{margin:0;overflow-wrap:anywhere}}
ol.time{{list-style:none;margin:0 0 0 .5rem;padding:0;border-left:2px solid var(--line)}}
ol.time li{{position:relative;padding:0 0 1rem 1.4rem}}
ol.time li:last-child{{padding-bottom:0}}
ol.time li::before{{content:"";position:absolute;left:-.4rem;top:.5rem;width:.65rem;height:.65rem;
 border-radius:50%;background:var(--ground);border:2px solid var(--accent)}}
ol.time li.act::before{{background:var(--accent)}}
ol.time li.day::before{{display:none}}
ol.time p{{margin:0;overflow-wrap:anywhere}}
.box>:last-child{{margin-bottom:0}}
.box{{background:var(--card);border:1px solid var(--line);border-radius:.6rem;
 padding:1.1rem 1.25rem;margin:0 0 1rem}}
.turn{{display:grid;grid-template-columns:1fr auto 1fr;gap:1rem;align-items:center;
 margin:.6rem 0 1rem}}
.turn div{{border:1px solid var(--line);border-radius:.45rem;padding:.6rem .9rem;
 overflow-wrap:anywhere}}
.turn span{{display:block;color:var(--soft);font-size:.82rem}}
.turn b{{font-weight:600}}
.arrow{{color:var(--soft);font-size:1.3rem}}
.wide{{overflow-x:auto;margin:0 0 1rem}}
table{{border-collapse:collapse;width:100%;font-size:.92rem}}
caption{{text-align:left;color:var(--soft);font-size:.88rem;padding:0 0 .4rem}}
th,td{{text-align:left;vertical-align:top;padding:.4rem .9rem .4rem 0;
 border-bottom:1px solid var(--line);overflow-wrap:break-word}}
thead th{{color:var(--soft);font-weight:600;font-size:.82rem}}
tbody th{{font-weight:600}}
table.layers tbody th{{width:8rem}}
table.layers td:nth-child(2){{width:7rem}}
table.hashes{{font-size:.77rem}}
table.hashes tbody th{{width:3rem}}
ul{{margin:.2rem 0 .8rem;padding-left:1.2rem}}
pre{{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0;font-size:.8rem}}
details{{margin:0 0 1.2rem}}
footer{{padding:1rem 1.25rem 2.5rem;color:var(--soft);font-size:.85rem}}
@media (max-width:40rem){{
 h1{{font-size:1.45rem}}
 dl{{grid-template-columns:1fr;gap:0}}
 dd{{margin:0 0 .6rem}}
 .turn{{grid-template-columns:1fr;gap:.4rem}}
 .arrow{{transform:rotate(90deg);justify-self:start}}
}}
@media print{{
 :root{{{_variables(LIGHT)}--ground:#fff}}
 @page{{margin:16mm 15mm}}
 html{{font-size:9.5pt}}
 body{{font-size:1rem}}
 main,footer{{max-width:none;padding:0}}
 header{{padding-top:0}}
 section{{margin:1.1rem 0;padding-top:.8rem}}
 h2,h3,caption,thead{{break-after:avoid}}
 .box,tr,ol.time li,.turn{{break-inside:avoid}}
 .wide{{overflow:visible}}
 table.hashes{{font-size:.7rem}}
 details{{display:none}}
 .chip,.alarm{{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
}}
"""
