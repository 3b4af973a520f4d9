package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// pageName is contrail-events-list.
func pageName(name string) string { return strings.ReplaceAll(name, " ", "-") }

// roff is a manual as a man page, in the macros of man(7).
func roff(program *kong.Application, node *kong.Node) string {
	m := manualOf(program, node)
	p := &roffPage{}
	p.line(`.\" Written by contrail man; do not edit.`)
	p.line(".TH", macroArg(strings.ToUpper(pageName(m.name))), "1", `""`, macroArg("contrail "+describeBuild(version, nil).Version), macroArg("Contrail manual"))
	p.line(".nh")
	p.line(".ad l")
	p.section("NAME")
	p.line(roffText(pageName(m.name) + " - " + strings.TrimSuffix(strings.ReplaceAll(m.summary, "\n", " "), ".")))
	p.section("SYNOPSIS")
	p.line(".B " + roffText(m.usage))
	p.section("DESCRIPTION")
	p.blocks(append([]block{{text: m.summary}}, m.text...))
	p.terms("COMMANDS", m.commands)
	p.terms("ARGUMENTS", m.arguments)
	for n, group := range m.flags {
		if n == 0 {
			p.section("OPTIONS")
		}
		p.line(".SS", macroArg(group.title))
		p.list(group.flags)
	}
	if len(m.examples) > 0 {
		p.section("EXAMPLES")
		p.blocks(m.examples)
	}
	p.terms("ENVIRONMENT", m.variables)
	p.terms("FILES", configPlaces())
	p.terms("EXIT STATUS", m.exits)
	p.also(m, node)
	return p.text.String()
}

type roffPage struct{ text strings.Builder }

func (p *roffPage) line(words ...string) { p.text.WriteString(strings.Join(words, " ") + "\n") }

func (p *roffPage) section(title string) { p.line(".SH", macroArg(title)) }

func (p *roffPage) blocks(all []block) {
	for n, part := range all {
		if n > 0 {
			p.line(".PP")
		}
		if !part.kept {
			p.line(roffText(part.text))
			continue
		}
		p.line(".nf")
		p.line(".RS 2")
		for text := range strings.SplitSeq(part.text, "\n") {
			if text = strings.TrimPrefix(text, "  "); text == "" {
				p.line(".sp")
				continue
			}
			p.line(roffText(text))
		}
		p.line(".RE")
		p.line(".fi")
	}
}

func (p *roffPage) terms(title string, terms []gloss) {
	if len(terms) > 0 {
		p.section(title)
		p.list(terms)
	}
}

func (p *roffPage) list(terms []gloss) {
	for _, one := range terms {
		p.line(".TP")
		p.line(".B " + roffText(one.word))
		p.line(roffText(one.text))
	}
}

// also names the pages above and below.
func (p *roffPage) also(m manual, node *kong.Node) {
	var names []string
	if node.Parent != nil {
		names = append(names, pageName(strings.TrimSuffix(m.name, " "+node.Name)))
	}
	for _, one := range m.commands {
		names = append(names, pageName(m.name+" "+one.word))
	}
	if len(names) == 0 {
		return
	}
	p.section("SEE ALSO")
	for n, name := range names {
		end := ","
		if n == len(names)-1 {
			end = ""
		}
		p.line(".BR", roffText(name), "(1)"+end)
	}
}

// roffText is a text in which nothing is a request or an escape.
func roffText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", "...", "→", `\(->`, "\t", "    ").Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

// macroArg is an argument of a macro.
func macroArg(text string) string {
	return `"` + strings.ReplaceAll(roffText(text), `"`, `\(dq`) + `"`
}
