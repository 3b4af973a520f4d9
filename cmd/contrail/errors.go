package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	exitOK    = 0
	exitNot   = 1
	exitUsage = 2
)

// usageError is wrong usage: exit 2 instead of 1.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

var configNames = regexp.MustCompile(`(?m)^(publisher|subscribers)\.\w+: `)

// misconfigured is wrong usage that a library has found: the name of its type means nothing on the command line.
func misconfigured(err error) error {
	return usageError{configNames.ReplaceAllString(err.Error(), "")}
}

// errNotSo says that the verb has told on standard output that the thing asked for is not so: nothing is left to say.
var errNotSo = errors.New("it is not so")

// errInterrupted is the cause that ends the context on a signal.
var errInterrupted = errors.New("interrupted")

// complain prints an error as one sentence and returns the code to exit with.
func complain(to io.Writer, verb string, err error) int {
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errNotSo) {
		name := "contrail"
		if verb != "" {
			name += " " + verb
		}
		_, _ = fmt.Fprintf(to, "%s: %s\n", name, strings.TrimPrefix(sentence(err), verb+": ")) // there is nobody left to tell
	}
	if _, wrong := errors.AsType[usageError](err); wrong {
		return exitUsage
	}
	return exitNot
}

var (
	credentials = regexp.MustCompile(`://[^/\s]*@`) // up to the last @: there may be one in the password
	passwords   = regexp.MustCompile("(?i)(password=)('[^']*'|[^\\s&;`]+)")
	breaks      = regexp.MustCompile(`\s*[\r\n]+\s*`)
)

// sentence is an error in one line and in words of the command line, without what a URL in it may say of users and passwords.
func sentence(err error) string {
	if errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) {
		return "interrupted before it was done"
	}
	text := breaks.ReplaceAllString(strings.TrimSpace(err.Error()), "; ")
	text = credentials.ReplaceAllStringFunc(text, func(found string) string {
		if found == "://user:password@" { // our own example
			return found
		}
		return "://…@"
	})
	return printable(passwords.ReplaceAllString(withFlags(text), "${1}…"))
}

// withFlags makes flags of the library's options that its errors advise to set.
func withFlags(text string) string {
	return strings.NewReplacer("(Config.Stream and Config.Prefix)", "(--stream and --prefix)", "(Config.Stream)", "(--stream)",
		"(VerifyConfig.Shared, contrail verify --fence msg-id)", "(--fence msg-id)").Replace(text)
}

// misuse puts what kong says of the arguments into our form.
func misuse(err error) error {
	if told, ours := errors.AsType[usageError](err); ours {
		return told
	}
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok {
		return usageError{err.Error()}
	}
	help := "contrail --help"
	if verb := verbOf(parse); verb != "" {
		help = "contrail " + verb + " --help"
	}
	text := err.Error()
	if verbOf(parse) == "" {
		if word, found := strings.CutPrefix(text, "unexpected argument "); found {
			text = "there is no verb " + word
		} else if strings.HasPrefix(text, "expected one of") {
			text = "which verb? " + text
		}
	}
	return usagef("%s; see `%s`", text, help)
}

// verbOf is the verb that was being parsed when an error came up.
func verbOf(err error) string {
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil && parse.Context.Selected() != nil {
		return nameOf(parse.Context.Selected())
	}
	return ""
}

// nameOf is what one types to run a verb, all words of it but the one that is meant when it is left out.
func nameOf(verb *kong.Node) string {
	if verb.Parent != nil && verb.Parent.DefaultCmd == verb {
		verb = verb.Parent
	}
	return verb.Path()
}
