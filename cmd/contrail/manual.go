package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// manual is what there is to read of the program or of a verb; help prints it, and man makes a page of it.
type manual struct {
	name      string // "contrail events list"
	summary   string // in one sentence
	usage     string
	text      []block
	examples  []block
	arguments []gloss
	commands  []gloss
	flags     []flagGroup
	variables []gloss
	exits     []gloss
}

// block is a paragraph, or lines that are kept as they are.
type block struct {
	text string
	kept bool
}

// gloss is a word, and what it means.
type gloss struct{ word, text string }

// flagGroup is the flags that belong together.
type flagGroup struct {
	title string
	flags []gloss
}

const everyVerb = "Flags that every verb takes"

// manualOf reads what the command line says of itself.
func manualOf(app *kong.Application, node *kong.Node) manual {
	m := manual{name: app.Name, usage: app.Name, exits: []gloss{
		{"0", "the thing asked for is so"},
		{"1", "it is not, or nobody could find out"},
		{"2", "wrong usage: a flag, an argument, a variable or the configuration file"},
	}}
	summary, detail := node.Help, node.Detail
	if detail == "" && node.Parent != nil && node.Parent.DefaultCmd == node {
		detail = node.Parent.Detail // it is what the verb above does, when nothing more is said
	}
	if node.Type == kong.ApplicationNode {
		summary, detail, _ = strings.Cut(node.Help, "\n\n")
	} else {
		m.name += " " + node.Path()
		m.usage = app.Name + " " + node.Summary()
	}
	m.summary = summary
	text, examples, _ := strings.Cut(detail, "Examples:\n")
	m.text, m.examples = blocks(text), blocks(examples)
	for _, argument := range node.Positional {
		m.arguments = append(m.arguments, gloss{argument.Summary(), valueText(argument)})
	}
	m.commands = commandsOf(node)
	if len(m.commands) > 0 {
		m.usage = m.name + " <command> [flags]"
	}
	m.addFlags(node)
	return m
}

// commandsOf are the verbs below a node, as one types them behind it.
func commandsOf(node *kong.Node) []gloss {
	var commands []gloss
	for _, child := range node.Children {
		if !child.Hidden {
			commands = append(commands, gloss{child.Name, child.Help})
		}
	}
	return commands
}

// addFlags adds those of the node first, and then those of the ones above it.
func (m *manual) addFlags(node *kong.Node) {
	for owner := node; owner != nil; owner = owner.Parent {
		for _, flag := range owner.Flags {
			if flag.Hidden || flag.Name == "help" && owner != node && owner.Parent == nil && node.Type != kong.ApplicationNode {
				continue
			}
			title := "Flags"
			if flag.Group != nil {
				title = flag.Group.Title
			}
			if owner.Parent == nil {
				title = everyVerb
			}
			m.add(title, gloss{flagWord(flag), flagText(flag)})
			for _, variable := range flag.Tag.Envs {
				m.variables = append(m.variables, gloss{variable, "--" + flag.Name})
			}
		}
	}
	if node.Type == kong.ApplicationNode {
		m.variables = append(m.variables,
			gloss{"NO_COLOR", "set to anything: no colours"}, gloss{"CLICOLOR_FORCE", "set to 1: colours even where the result is piped"},
			gloss{"COLUMNS", "how wide a table may be; default: the terminal, and any width in a pipe"})
	}
}

func (m *manual) add(title string, flag gloss) {
	for n := range m.flags {
		if m.flags[n].title == title {
			m.flags[n].flags = append(m.flags[n].flags, flag)
			return
		}
	}
	m.flags = append(m.flags, flagGroup{title, []gloss{flag}})
}

// flagWord is "-q, --quiet" or "--limit=N".
func flagWord(flag *kong.Flag) string {
	word := "--" + flag.Name
	switch {
	case flag.Negated || flag.Tag.Negatable != "":
		word = "--[no-]" + flag.Name
	case !flag.IsBool() && !flag.IsCounter():
		word += "=" + strings.Trim(flag.FormatPlaceHolder(), `"`)
	}
	if flag.Short != 0 {
		return "-" + string(flag.Short) + ", " + word
	}
	return word
}

// flagText is what a flag does, and its default where the placeholder does not tell it.
func flagText(flag *kong.Flag) string {
	text := valueText(flag.Value)
	if flag.HasDefault && flag.PlaceHolder != "" && flag.PlaceHolder != flag.Default && flag.Default != "" {
		text += " Default: " + flag.Default + "."
	}
	if flag.Required {
		text += " Required."
	}
	return text
}

// valueText is the help of a flag or an argument, with room between the values that there are.
func valueText(value *kong.Value) string {
	if value.Enum == "" {
		return value.Help
	}
	return strings.ReplaceAll(value.Help, value.Enum, strings.Join(value.EnumSlice(), ", "))
}

// blocks takes a text apart: lines that are indented stay as they are, and others are paragraphs.
func blocks(text string) []block {
	var all []block
	for part := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		kept := strings.HasPrefix(part, "  ")
		switch {
		case strings.TrimSpace(part) == "":
			continue
		case !kept:
			part = strings.Join(strings.Fields(part), " ")
		case len(all) > 0 && all[len(all)-1].kept:
			all[len(all)-1].text += "\n\n" + part
			continue
		}
		all = append(all, block{strings.TrimRight(part, "\n"), kept})
	}
	return all
}
