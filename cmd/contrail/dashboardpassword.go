package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/contrail-events/contrail/internal/dashboard"
)

// dashboardPasswordVerb makes a line of the file of users.
type dashboardPasswordVerb struct {
	Name string `arg:"" help:"Who, without spaces and ':'."`
	Role string `default:"viewer" enum:"viewer,operator" help:"One of ${enum}: viewers see everything and change nothing."`
}

// Help teaches.
func (*dashboardPasswordVerb) Help() string {
	return `Asks for a password twice and prints the line name:role:hash for the file of "contrail dashboard --users". Where standard input is no terminal, the password is
its first line. The hash is argon2id's; bcrypt's of other programs are understood, too. A dashboard that runs takes the changed file without a restart, and who
has a new password, another role, or is no longer there has to log in again.

Examples:

  contrail dashboard password ada --role operator >> users
  pass show contrail/ada | contrail dashboard password ada >> users`
}

// Run asks, and prints the line.
func (v *dashboardPasswordVerb) Run(a *app) error {
	if err := dashboard.CheckUser(v.Name, dashboard.Role(v.Role)); err != nil {
		return usageError{err.Error()}
	}
	password, err := readPassword(a.stderr)
	if err != nil {
		return err
	}
	hash, err := dashboard.HashPassword(password)
	if err != nil {
		return err
	}
	a.printf("%s:%s:%s\n", v.Name, v.Role, hash)
	return nil
}

// readPassword asks twice on a terminal, and takes a line elsewhere. What it asks does not go where the line goes.
func readPassword(prompt io.Writer) (string, error) {
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, 2*dashboard.MostPassword)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	ask := func(what string) (string, error) {
		_, _ = fmt.Fprint(prompt, what) // who sees no question may still answer
		typed, err := term.ReadPassword(stdin)
		_, _ = fmt.Fprintln(prompt)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(typed), nil
	}
	first, err := ask("Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ; try again")
	}
	return first, nil
}
