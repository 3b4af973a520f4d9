package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/publisher"
)

// verifyVerb compares the stream with the store.
type verifyVerb struct {
	brokerFlags

	JSON   bool          `name:"json" help:"Print JSON."`
	Wait   time.Duration `default:"10s" help:"How long a relay that leads and is behind may take to catch up before the comparison; 0s compares at once. With --repair also how long it may publish nothing of what it is asked for."`
	Repair bool          `help:"Have what is missing published again, at the stream's end, and compare again. The flags below are the relay's own."`

	messageFlags
	wakeFlags
}

// Help teaches.
func (*verifyVerb) Help() string {
	return `Reads all settled events of the database and all messages of the stream, side by side and in bounded memory, and says
whether the stream holds every event once, in order and unchanged, and nothing else. It exits 0 if so and 1 if not, and then tells
which positions are missing, there twice, or altered (the first thousand of each). Events that the relay has left out count as
parked, not as missing, and are a fault until somebody decides about them (contrail parked); discarded ones are none.

An event that is not relayed yet is missing. So, while a relay leads and is behind, verify waits for it first, for --wait at
most; without a leader it compares at once.

With --repair the relay that leads publishes again what is missing before the last event that the stream holds in its order. If
none leads, verify relays itself until that is done: give it the relay's own flags then. A repaired event stands at the stream's
end, marked as such: consumers with an inbox that have handled it before pass over it. Then it compares again, and says how things
stand now. What is there twice, out of order or altered stays so: messages of a stream can't be changed.

Where the relay's --fence is msg-id give that here, too: the stream is shared then, and messages of others are no fault.

Examples:

  contrail verify
  contrail verify --wait 0s --json | jq .missing
  contrail verify --repair`
}

// Run compares.
func (v *verifyVerb) Run(ctx context.Context, a *app) error {
	if v.Wait < 0 {
		return usagef("--wait is %s; give 0s or more", v.Wait)
	}
	if err := v.check(); err != nil {
		return err
	}
	pool, err := a.openStore(ctx, 4)
	if err != nil {
		return err
	}
	defer pool.Close()
	js, closeNATS, err := a.openJetStream(ctx, v.brokerFlags)
	if err != nil {
		return err
	}
	defer closeNATS()
	if err := awaitRelay(ctx, pool, js, v.Stream, v.Wait); err != nil {
		return err
	}
	if v.Repair {
		return v.repair(ctx, a, pool, js)
	}
	bar := a.newProgress("comparing")
	report, err := publisher.Verify(ctx, pool, js, v.config(bar))
	bar.gone()
	if err != nil {
		return err
	}
	if v.JSON {
		err = a.printJSON(report)
	} else {
		a.printVerdict(v.Stream, report)
	}
	return notSoUnless(report.OK, err)
}

func (v *verifyVerb) config(bar *progress) publisher.VerifyConfig {
	return publisher.VerifyConfig{Stream: v.Stream, Shared: v.Fence == publisher.MsgID.String(), Progress: bar.at}
}

func notSoUnless(ok bool, err error) error {
	if err == nil && !ok {
		return errNotSo
	}
	return err
}

const lookAgain = 20 * time.Millisecond

// awaitRelay returns when the stream has caught up, nobody leads, or the time is over: what is so then is the comparison's to find out.
func awaitRelay(ctx context.Context, pool *pgxpool.Pool, js jetstream.JetStream, stream string, patience time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for waiting.Err() == nil {
		status, err := publisher.ReadStatus(waiting, pool, js, stream)
		switch {
		case waiting.Err() != nil:
		case err != nil:
			return err
		case status.LagEvents == 0 || status.Leader == "":
			return nil
		}
		select {
		case <-waiting.Done():
		case <-look.C:
		}
	}
	return ctx.Err() //nolint:wrapcheck // a signal; the end of patience is no error
}
