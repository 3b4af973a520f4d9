package main

import (
	"cmp"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	helpWidth    = 120 // columns at most: longer lines are hard to read
	helpIndent   = 2
	termsIndent  = 34 // columns for the widest word that still has its text beside it
	helpFallback = 100
)

// printHelp is what --help prints.
func printHelp(_ kong.HelpOptions, ctx *kong.Context) error {
	a := &app{globals: globals{Color: "auto"}, stdout: ctx.Stdout}
	node := ctx.Selected()
	if node == nil {
		node = ctx.Model.Node
	}
	a.printManual(manualOf(ctx.Model, node))
	return a.unwritten
}

// printManual writes a manual in sections, as wide as the terminal is.
func (a *app) printManual(m manual) {
	p := helpPrinter{app: a, width: min(cmp.Or(a.width(), helpFallback), helpWidth)}
	p.title("Usage")
	p.block(block{strings.Repeat(" ", helpIndent) + m.usage, true})
	p.paragraph(m.summary)
	for _, part := range m.text {
		p.block(part)
	}
	if len(m.examples) > 0 {
		p.title("Examples")
		for _, part := range m.examples {
			p.block(part)
		}
	}
	p.terms("Arguments", m.arguments)
	p.terms("Commands", m.commands)
	for _, group := range m.flags {
		p.terms(group.title, group.flags)
	}
	p.terms("Environment", m.variables)
	p.terms("Exit codes", m.exits)
	if len(m.commands) > 0 {
		p.paragraph("Read on: " + m.name + " <command> --help")
	}
	a.printf("%s", strings.TrimPrefix(p.text.String(), "\n"))
}

type helpPrinter struct {
	app   *app
	width int
	text  strings.Builder
}

func (p *helpPrinter) title(text string) {
	p.text.WriteString("\n" + p.app.paint(bold, text+":") + "\n")
}

func (p *helpPrinter) paragraph(text string) {
	p.text.WriteString("\n" + strings.Join(wrapped(text, p.width), "\n") + "\n")
}

func (p *helpPrinter) block(part block) {
	if !part.kept {
		p.paragraph(part.text)
		return
	}
	p.text.WriteString(part.text + "\n")
}

// terms are words with their texts beside them, or below those that are too wide.
func (p *helpPrinter) terms(title string, terms []gloss) {
	if len(terms) == 0 {
		return
	}
	p.title(title)
	column := 0
	for _, one := range terms {
		if wide := columnsOf(one.word); wide <= min(termsIndent, p.width/3) {
			column = max(column, wide)
		}
	}
	column += helpIndent + columnGap
	for _, one := range terms {
		head := strings.Repeat(" ", helpIndent) + one.word
		if used := columnsOf(head) + columnGap; used > column {
			p.text.WriteString(head + "\n")
			head = strings.Repeat(" ", column)
		} else {
			head += strings.Repeat(" ", column-columnsOf(head))
		}
		for _, line := range wrapped(one.text, max(p.width-column, leastPairs)) {
			p.text.WriteString(strings.TrimRight(head+line, " ") + "\n")
			head = strings.Repeat(" ", column)
		}
	}
}
