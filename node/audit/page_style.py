"""How the page of a report looks, on a screen, on a narrow one and on paper; printed, what is folded is open."""

from __future__ import annotations

STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#d8dee6;--good:#0b6e5f;--bad:#a3281f;--mid:#8a5a00;--paper:#fff}
*{box-sizing:border-box}body{margin:0;background:#f3f5f8;color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:0 auto;background:var(--paper);padding:28px 36px 48px}h1{font-size:1.5rem;margin:0 0 4px}
h2{font-size:1.15rem;margin:36px 0 10px;border-top:1px solid var(--line);padding-top:18px}
p{margin:6px 0;overflow-wrap:anywhere}.soft{color:var(--soft)}
.asked ol{margin:0;padding-left:1.3em}.asked p{margin:4px 0 0}
.verdict{border-left:8px solid var(--good);padding:10px 16px;margin:16px 0;background:#eef6f4}
.verdict b{font-size:1.35rem;display:block}.minor,.incomplete,.unconfirmed{border-color:var(--mid);background:#fbf5e9}
.major,.critical{border-color:var(--bad);background:#fbeeed}.lab{background:#fff3c4;padding:6px 16px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:8px 10px;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600}.asked th{width:34%}.w{white-space:nowrap;font-weight:600;font-size:.86rem}
.stacked td{overflow-wrap:break-word}.stacked+.soft{break-before:avoid}
.PROVEN{color:var(--good)}.CONTRADICTED{color:var(--bad)}
article{border:1px solid var(--line);border-radius:6px;padding:10px 16px;margin:12px 0;break-inside:avoid}
article h3{margin:0;font-size:1rem}summary{cursor:pointer;color:var(--soft);margin-top:8px}
details ul{margin:6px 0;padding-left:1.2em}dt{font-weight:600;margin-top:8px}dd{margin:0 0 0 1em}
code{font:.85rem ui-monospace,monospace;overflow-wrap:anywhere}a{color:#154f8a;text-decoration-style:dotted}
svg{width:100%;height:auto;display:block}.legend svg{width:14px;height:16px;display:inline;vertical-align:-2px}
.legend span{margin-right:16px;white-space:nowrap}.wide{overflow-x:auto}
.name{font:14px system-ui;text-anchor:end;fill:#1c2430}.tick{font:11px system-ui;fill:#5b6675}
.mid,.count{text-anchor:middle}.count{font:600 11px system-ui;fill:#fff}.mixed{fill:#0b6e5f}.summed{fill:#8cc4ba}
rect.kept,circle.kept{fill:#fff;stroke:#b8860b;stroke-width:1.5}.none{fill:#9aa4b1}.start{fill:#5b6675}
.claimed{fill:#eceff3;stroke:#5b6675;stroke-width:1;stroke-dasharray:2 2}.hatch{stroke:#8a939f;stroke-width:1.2}
.claimcount{font:600 11px system-ui;fill:#1c2430;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:3px}
.released{fill:#123c69}.own{stroke:#0b6e5f;stroke-width:2.5}.other{stroke:#a9c9c3;stroke-width:1}
@media(max-width:600px){main{padding:18px 16px}.asked th,.asked td{display:block;width:auto;border:0;padding:2px 0}
.asked tr,.stacked tr{display:block;border-bottom:1px solid var(--line);padding:8px 0}
.stacked td{display:block;border:0;padding:2px 0}.stacked tr:first-child{display:none}}
@page{size:A4;margin:16mm}@media print{body{background:#fff;font-size:9.5pt;line-height:1.4}
main{max-width:none;padding:0}a{color:inherit}h2,h3{break-after:avoid}h2{margin-top:22px;padding-top:12px}
article{padding:6px 12px;margin:8px 0}article dl{margin:4px 0}dt{margin-top:3px}#glossary dl{columns:2;column-gap:24px}
#glossary dt{break-after:avoid}#glossary dd{break-inside:avoid}.asked{font-size:10.5pt}
tr,svg,#rounds,#lineage{break-inside:avoid}details::details-content{content-visibility:visible;block-size:auto}summary{list-style:none}
}
""".replace("\n", "")
