package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// subscriptionsReplayVerb replays.
type subscriptionsReplayVerb struct {
	oneSubscription
	inboxFlags
	archiveFlags

	From     int64    `env:"-" placeholder:"POSITION" help:"The first event, by its position. Default: the stream's first."`
	To       int64    `env:"-" placeholder:"POSITION" help:"The last event, by its position. Default: the stream's last."`
	StreamID string   `name:"stream-id" env:"-" placeholder:"STREAM" help:"Only events of this stream of events, such as invoice-42."`
	Category string   `env:"-" placeholder:"CATEGORY" help:"Only events of this category, the part of a stream of events before its first '-'."`
	Type     []string `env:"-" placeholder:"TYPE" help:"Only events of this type; may be given several times."`
	Rate     float64  `default:"100" help:"Events a second, at most; 0: as fast as the broker takes them."`
	ID       string   `name:"id" env:"-" placeholder:"ID" help:"The id of a replay that was interrupted, to go on with it."`
	Because  string   `env:"-" placeholder:"TEXT" help:"Why; kept with each event."`
	NoInbox  bool     `env:"-" help:"The subscription has no inbox: its handlers are called in any case."`
	Yes      bool     `short:"y" env:"-" help:"Do not ask."`
	JSON     bool     `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*subscriptionsReplayVerb) Help() string {
	return `Sends the events of a range to one subscription, and to no other, once more, in their order, beside those that are to come. Its inbox
forgets each of them before, so that they take effect again: do away with the effects first. They go through the stream of dead letters,
where they stay as a record. Events that the subscription does not consume are left out. It ends when all are sent; contrail
subscriptions show tells how many are not handled yet (requeued).

When it is interrupted it prints the id to go on with, and sends nothing twice then. Events that have aged out of the stream are taken
from the database with --archive. It asks first, and exits 1 when not all was sent.

Examples:

  contrail subscriptions replay invoice-notifications --from 4711 --to 4811
  contrail subscriptions replay invoice-mails --type InvoiceIssued --from 1 --archive --rate 10 --because 'the mails were lost'`
}

// Run replays.
func (v *subscriptionsReplayVerb) Run(ctx context.Context, a *app) error {
	replay, err := v.replay()
	if err != nil {
		return err
	}
	return a.withJetStream(ctx, v, func(js jetstream.JetStream) error {
		inbox, closeInbox, err := v.openInbox(ctx, a, !v.NoInbox)
		if err != nil {
			return err
		}
		defer closeInbox()
		archive, closeArchive, err := v.open(ctx, a, v.Stream)
		if err != nil {
			return err
		}
		defer closeArchive()
		if err := v.confirm(ctx, a, js); err != nil {
			return v.advised(err)
		}
		bar := a.newProgress("replaying")
		replay.Archive = archive
		replay.Progress = func(done subscriptions.ReplayDone) {
			bar.at(uint64(max(0, done.Position-done.From)), uint64(max(1, done.To-done.From)))
		}
		done, err := replay.Run(ctx, js, inbox, v.name())
		bar.gone()
		return v.print(a, done, err)
	})
}

// replay says it in the package's words.
func (v *subscriptionsReplayVerb) replay() (subscriptions.Replay, error) {
	replay := subscriptions.Replay{
		From: contrail.Position(v.From), To: contrail.Position(v.To), Category: v.Category, Types: v.Type, ID: v.ID, Rate: v.Rate,
		By: person(), Because: v.Because,
	}
	var err error
	switch {
	case v.From < 0:
		return replay, usagef("--from is %d; positions begin with 1", v.From)
	case v.To < 0:
		return replay, usagef("--to is %d; positions begin with 1", v.To)
	case v.To > 0 && v.To < v.From:
		return replay, usagef("--to %d is before --from %d", v.To, v.From)
	case v.Rate < 0:
		return replay, usagef("--rate is %v; give 0 or more", v.Rate)
	case strings.ContainsFunc(v.ID, unicode.IsSpace):
		return replay, usagef("--id is %q; give one word", v.ID)
	case v.NoInbox && v.InboxURL != "":
		return replay, usagef("both --no-inbox and --inbox-url are given; give one of them")
	case v.Category != "" && contrail.NewStreamID(v.Category, "1").Validate() != nil:
		return replay, usagef("--category is %q; it is made of letters, digits and '_'", v.Category)
	case v.Rate == 0:
		replay.Rate = -1
	}
	for _, name := range v.Type {
		if err := (contrail.Event{Type: name}).Validate(); err != nil {
			return replay, usagef("--type: %v", err)
		}
	}
	if v.StreamID != "" {
		if replay.Stream, err = contrail.ParseStreamID(v.StreamID); err != nil {
			return replay, usagef("--stream-id: %v", err)
		}
	}
	return replay, nil
}

// confirm asks, once it is known that the subscription is there.
func (v *subscriptionsReplayVerb) confirm(ctx context.Context, a *app, js jetstream.JetStream) error {
	err := a.inTime(ctx, func(ctx context.Context) error {
		_, err := subscriptions.Get(ctx, js, v.name())
		return err
	})
	if err != nil || v.Yes {
		return err
	}
	from, to := "the stream's beginning", "its end"
	if v.From > 0 {
		from = fmt.Sprintf("position %d", v.From)
	}
	if v.To > 0 {
		to = fmt.Sprintf("position %d", v.To)
	}
	question := fmt.Sprintf("subscription %s will handle the events from %s to %s once more", printable(v.Durable), from, to)
	return a.confirmChange(ctx, os.Stdin, question, "replay")
}

// print tells what was done, also where it was not all.
func (v *subscriptionsReplayVerb) print(a *app, done subscriptions.ReplayDone, err error) error {
	switch {
	case errors.Is(err, subscriptions.ErrNotFound):
		return v.advised(err)
	case errors.Is(err, subscriptions.ErrAgedOut):
		return errors.New(strings.Replace(err.Error(), "give the archive", "give --archive", 1))
	case err != nil && done.Events+done.Before == 0:
		return err
	case v.JSON:
		return errors.Join(err, a.printJSON(done))
	}
	text := plural(done.Events, "event") + " " + agree(done.Events, "was", "were") + " sent to subscription " + printable(v.Durable)
	if done.Before > 0 {
		text += fmt.Sprintf(", and %s before", thousands(done.Before))
	}
	a.printf("%s\n", text)
	if err != nil {
		a.printf("to go on, give the same command with --id %s\n", done.ID)
	}
	return err
}
