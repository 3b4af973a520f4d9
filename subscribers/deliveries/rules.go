package deliveries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/contrail-events/contrail/internal/sanitize"
)

// Only has a rule asked about these channels alone.
func Only(rule Rule, channels ...string) Rule {
	return func(ctx context.Context, c RuleContext) (Verdict, error) {
		if !slices.Contains(channels, c.Delivery.Channel) {
			return Send(), nil
		}
		return rule(ctx, c)
	}
}

// ask asks the rules in their order. A panic is an error.
func (l *Ledger) ask(ctx context.Context, c RuleContext) (Verdict, error) {
	for i, rule := range l.config.Rules {
		var verdict Verdict
		err := protect(func() (err error) {
			verdict, err = rule(ctx, c)
			return err
		})
		if err != nil {
			return Verdict{}, fmt.Errorf("rule %d at %s: %w", i, c.Checkpoint, err)
		}
		if !verdict.suppress && !verdict.until.After(c.Now) {
			continue
		}
		verdict.reason = reasonOf(string(verdict.reason), "by a rule")
		verdict.until = earliest(verdict.until, c.Now.Add(maxDelay))
		return verdict, nil
	}
	return Verdict{}, nil
}

// reasonOf is a reason that somebody gave, made harmless.
func reasonOf(given, fallback string) Reason {
	const limit = 200
	return Reason(orDefault(sanitize.Text(given, limit), fallback))
}

func earliest(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

var errExited = errors.New("runtime.Goexit was called")
