package deliveries_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Whatever happens, what the event says, whom it is for and what is secret stays out of the log; and an operator reads what went wrong.
func TestNothingOfTheEventIsLogged(t *testing.T) {
	t.Parallel()
	kept := &logs{}
	f := newFixture(t, func(config *deliveries.Config) {
		config.Logger, config.Policy.MaxAttempts, config.Policy.Timeout = kept.logger(), 2, 30*time.Millisecond
	})
	answers := map[string]func(ctx context.Context, d deliveries.Delivery) error{
		"fine": func(context.Context, deliveries.Delivery) error { return nil },
		"temporary": func(context.Context, deliveries.Delivery) error {
			return deliveries.Temporary(errors.New("token=s3cr3t"))
		},
		"permanent": func(context.Context, deliveries.Delivery) error {
			return contrail.Permanent(errors.New("password: s3cr3t"))
		},
		"unknown": func(context.Context, deliveries.Delivery) error { return errors.New("api_key=s3cr3t") },
		"panic":   func(_ context.Context, d deliveries.Delivery) error { panic("secret=s3cr3t") },
		"skip":    func(context.Context, deliveries.Delivery) error { return contrail.Skip("read already") },
		"cut":     func(ctx context.Context, _ deliveries.Delivery) error { <-ctx.Done(); return ctx.Err() },
	}
	f.answer(func(ctx context.Context, d deliveries.Delivery) (deliveries.Receipt, error) {
		return deliveries.Receipt{Response: "to ada@example.org"}, answers[d.Channel](ctx, d)
	})
	event := f.event()
	for channel := range answers {
		f.plan(event, deliveries.Target{Channel: channel, Recipient: "ada@example.org"})
	}
	f.run(f.ledger)
	require.Eventually(t, func() bool { return f.countWhere(`due_at IS NULL AND state <> 'dispatched'`) == len(answers) }, waitFor, 5*time.Millisecond)
	logged := kept.String()
	require.NotContains(t, logged, "ada@example.org")
	require.NotContains(t, logged, "s3cr3t")
	for _, message := range []string{
		"a delivery succeeded", "a delivery failed and is tried again", "a delivery was cancelled", "it is held for a person", "a delivery was skipped",
		"does not tell whether it took effect", "log_test.go", "retries_exhausted", "[masked]",
	} {
		require.Contains(t, logged, message)
	}
}
