package main

import (
	"context"
	"iter"
	"os"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// deadLettersDiscardVerb discards letters.
type deadLettersDiscardVerb struct {
	deadLettersChoice

	Because string `env:"-" placeholder:"TEXT" help:"Why; kept with the record, and required."`
}

// Help teaches.
func (*deadLettersDiscardVerb) Help() string {
	return `Decides that events shall not be handled, and why. The dead letters are deleted, and with them their payloads: that can't be taken back.
Who has decided so, and about what, is kept as long as dead letters are (contrail dead-letters list --state discarded). The events
themselves stay where they are, in the store and in their stream.

--all means the dead letters that the filters select, and asks first. Each letter is told of. It exits 1 when a letter is not discarded.

Examples:

  contrail dead-letters discard 17 --because 'a test event, nobody needs it'
  contrail dead-letters discard --all --reason malformed --because 'sent by mistake'`
}

// Run discards.
func (v *deadLettersDiscardVerb) Run(ctx context.Context, a *app) error {
	if v.Because == "" {
		return usagef("no reason is given; say with --because why these events shall not be handled")
	}
	by := deadletters.Decision{By: person(), Because: v.Because}
	return v.run(ctx, a, deadLettersChange{
		word: "discard", asks: "discarded, payloads and all", answer: os.Stdin,
		do: func(js jetstream.JetStream, which deadletters.Selection) iter.Seq2[deadletters.Outcome, error] {
			return deadletters.Discard(ctx, js, which, by)
		},
	})
}
