package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/contrail-events/contrail/eventstore/erasure"
)

// keysEraseVerb erases a person.
type keysEraseVerb struct {
	Subject string `arg:"" help:"Whom, as contrail keys list shows."`
	Yes     bool   `short:"y" env:"-" help:"Do not ask."`
}

// Help teaches.
func (*keysEraseVerb) Help() string {
	return `Deletes the key of a person. What was encrypted with it can't be read any more, by nobody and nowhere: not in the database, not in
the stream, not in an export. The events themselves stay, without their data. Nothing brings it back, so it asks first, unless told not to.
It exits 1 when there is no such key.

Running subscribers may read on until they forget the key, after a minute by default. Backups of the database hold the key until they
expire, and a restore brings it back. Your own service can do the same in a transaction with an event that tells read models to forget the person, too; see
the Go package eventstore/erasure.

Examples:

  contrail keys erase contact-42
  contrail keys erase contact-42 --yes`
}

// Run erases.
func (v *keysEraseVerb) Run(ctx context.Context, a *app) error {
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	keys, err := erasure.NewKeys(pool, nil, erasure.Config{})
	if err != nil {
		return err
	}
	if !v.Yes {
		if err := v.confirm(ctx, a, os.Stdin); err != nil {
			return err
		}
	}
	erased := false
	err = inTx(ctx, pool, func(tx pgx.Tx) (err error) {
		erased, err = keys.Erase(ctx, tx, v.Subject)
		return err
	})
	switch {
	case err != nil:
		return err
	case !erased:
		return fmt.Errorf("there is no key of %s; contrail keys list shows whose there are", v.Subject)
	}
	a.printf("erased: what was encrypted for %s can't be read any more\n", v.Subject)
	return nil
}

// confirm asks for the name of whom it is about.
func (v *keysEraseVerb) confirm(ctx context.Context, a *app, from io.Reader) error {
	_, _ = fmt.Fprintf(a.stderr, "contrail keys erase: the data of %[1]s will be unreadable for ever; type %[1]s to go on: ", printable(v.Subject))
	typed := make(chan string, 1)
	go func() { // a signal must not wait for it
		line, _ := bufio.NewReader(from).ReadString('\n')
		typed <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	case name := <-typed:
		if name != v.Subject {
			return errors.New("nothing was erased, since it was not confirmed; give --yes where there is nobody to ask")
		}
	}
	return nil
}
