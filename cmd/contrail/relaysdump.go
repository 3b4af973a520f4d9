package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/publisher/control"
)

// relaysDumpVerb prints stacks.
type relaysDumpVerb struct {
	orderFlags

	Name string `arg:"" help:"The relay: its identity, its id or the beginning of it."`
	Last bool   `help:"Print the last dump there is, and ask for no new one."`
}

// Help teaches.
func (*relaysDumpVerb) Help() string {
	return `Prints the stacks of all goroutines of a relay's process, for somebody who looks for the reason why it hangs: at most 1 MiB. The relay
writes them to its log and to the database, where the last dump stays as long as the relay. On its own machine SIGTTIN does the
same, and the log has them even when the database can't be reached.

Examples:

  contrail relays dump relay-1:4711
  contrail relays dump --last 6fd1`
}

// Run prints.
func (v *relaysDumpVerb) Run(ctx context.Context, a *app) error {
	if err := v.check(); err != nil {
		return err
	}
	return a.withRelays(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		relay, err := findRelay(ctx, pool, v.Name)
		if err != nil {
			return err
		}
		if told := relay.Command; !v.Last && told != "" && told != "dump" {
			return fmt.Errorf("relay %s was told to %s and has not taken that yet, which a dump would replace; wait for it, or send SIGTTIN to process %d on %s",
				relay.Identity, told, relay.PID, relay.Host)
		}
		if !v.Last {
			if err := v.give(ctx, pool, relay, control.Dump); err != nil {
				return err
			}
		}
		stacks, _, err := control.Stacks(ctx, pool, relay.ID)
		if err != nil {
			return err
		}
		if stacks == "" {
			a.printf("relay %s has never dumped its goroutines\n", printable(relay.Identity))
			return errNotSo
		}
		a.printf("%s\n", strings.TrimRight(stacks, "\n"))
		return nil
	})
}
