"""The style of the report's page: light and dark, wide, narrow and on paper."""

from __future__ import annotations

STYLE = """
:root{--ink:#1c2730;--soft:#5d6b76;--line:#dde3e7;--paper:#fff;--wash:#f5f7f8;--good:#1d7a4c;--goodwash:#e8f5ee;
--bad:#b3261e;--badwash:#fcecea;--real:#7d94a8;--realwash:#dbe4ec;--made:#c4561a;--accent:#1f5f8b;--judge:#7a3f98}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebee;--soft:#9fadb7;--line:#34414b;--paper:#151d23;--wash:#1b252c;
--good:#6fd3a0;--goodwash:#16332a;--bad:#ff9d94;--badwash:#3b1f1d;--real:#6d8399;--realwash:#2a3a48;--made:#ff9d5c;
--accent:#7cbce6;--judge:#c79ae0}}
*{box-sizing:border-box}body{margin:0;background:var(--wash);color:var(--ink);
font:16px/1.55 "Segoe UI","Helvetica Neue","DejaVu Sans",Arial,sans-serif}
main{max-width:66rem;margin:0 auto;padding:2.2rem 1.25rem 4rem}
h1{font-size:1.7rem;margin:0 0 .2rem;letter-spacing:-.01em;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:0 0 .4rem}
h3{font-size:.95rem;margin:0 0 .2rem}p{margin:.3rem 0}.soft{color:var(--soft)}ul{margin:.4rem 0;padding-left:1.2rem}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:1.3rem 1.5rem;margin:1.2rem 0}
.verdict{border-left:5px solid var(--good);background:var(--goodwash);padding:.8rem 1.1rem;border-radius:6px;
margin:1rem 0;font-weight:600}.verdict.blocked{border-color:var(--bad);background:var(--badwash)}
.verdict ul{font-weight:400}.cards{display:grid;grid-template-columns:repeat(3,1fr);gap:1rem}
.card{background:var(--paper);border:1px solid var(--line);border-top:5px solid var(--accent);border-radius:10px;
padding:1rem 1.2rem}.card.real{border-top-color:var(--real)}.card.synthetic{border-top-color:var(--made)}
.card b{font-size:2rem;line-height:1.1;font-variant-numeric:tabular-nums}.card .soft{font-size:.9rem}
.two p{margin:.5rem 0;max-width:52rem}table{border-collapse:collapse;width:100%;font-size:.94rem}
th{text-align:left;color:var(--soft);font-weight:600;font-size:.82rem}
th,td{padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.gate td.n{text-align:left}
.gate td.g{width:16rem}.gate details{color:var(--soft);font-size:.88rem;display:inline}
.gate summary{display:inline-block;cursor:pointer;list-style:none;border:1px solid var(--line);border-radius:50%;
width:1.25rem;height:1.25rem;line-height:1.15rem;text-align:center;margin-left:.4rem;font-size:.78rem}
.gate details[open]{display:block;margin-top:.3rem;max-width:34rem}
.tag{display:inline-block;border-radius:999px;padding:.05rem .6rem;font-size:.8rem;font-weight:600;white-space:nowrap}
.tag.pass{color:var(--good);background:var(--goodwash)}.tag.block{color:var(--bad);background:var(--badwash)}
.tag.soft{background:var(--wash)}.scroll{overflow-x:auto}code{font:.82em ui-monospace,"DejaVu Sans Mono",monospace;
overflow-wrap:anywhere}figure{margin:0}figcaption{font-size:.92rem;display:flex;gap:.5rem;align-items:baseline}
figcaption b{overflow-wrap:anywhere}.end{margin-left:auto;font-size:.84rem;white-space:nowrap}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1.3rem 1.6rem;margin-top:.8rem}
.alone{max-width:27rem}
svg{width:100%;height:auto;display:block;overflow:visible}.legend{list-style:none;padding:0;margin:.3rem 0;
display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.86rem;color:var(--soft)}
.legend .key{width:28px;height:10px;display:inline-block;margin-right:.4rem}.gauge{min-width:10rem}
.tick{font:11px "DejaVu Sans",Arial,sans-serif;fill:var(--soft)}.mid{text-anchor:middle}text.end{text-anchor:end}
.axis,.frame{stroke:var(--line);fill:none}.grid{stroke:var(--line);stroke-width:.6;fill:none}
.coin{stroke:var(--soft);stroke-dasharray:2 4;fill:none}rect.real{fill:var(--real);fill-opacity:.55}
.made{stroke:var(--made);stroke-width:2.4;fill:none}.madedot{fill:var(--made)}
.heat-real{fill:var(--accent)}.heat-made{fill:var(--made)}.heat-gap{fill:var(--bad)}.void{fill:none;
stroke:var(--line);stroke-width:.6}polyline,.key path{fill:none;stroke-width:2.2}
.c-real{stroke:var(--real)}.c-made{stroke:var(--made);stroke-dasharray:7 3}.c-risk{stroke:var(--bad)}
.c-judge{stroke:var(--judge);stroke-dasharray:3 3}.c-tell{stroke:var(--accent)}.key .coin{stroke-width:1.2}
.right{fill:var(--goodwash)}.limit{stroke:var(--ink);stroke-width:2}.span{stroke-width:2.5}.span.good{
stroke:var(--good)}.span.bad{stroke:var(--bad)}.dot.good{fill:var(--good)}.dot.bad{fill:var(--bad)}
.images{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start;margin-bottom:1rem}
img{image-rendering:pixelated;max-width:100%}img.grid{flex:1 1 20rem;min-width:0;width:100%;max-width:40rem;
border-radius:4px}.means{display:flex;gap:.8rem}.means img{width:7rem;border-radius:4px}
@media(max-width:640px){.cards{grid-template-columns:1fr}main{padding:1.2rem .8rem 3rem}section{padding:1rem}
.gate th{display:none}.gate tr{display:grid;grid-template-columns:1fr auto;padding:.5rem 0;
border-bottom:1px solid var(--line)}.gate td{border:0;padding:.1rem 0}.gate td.g{width:auto;grid-column:1/3}
.gate td:first-child{grid-column:1}.gate td:nth-child(4){text-align:right}.gate td.g{grid-row:3}
.gate td:last-child{grid-row:1;grid-column:2}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
