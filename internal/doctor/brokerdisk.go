package doctor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

func checkBrokerDisk(ctx context.Context, d *Doctor) ([]Finding, error) {
	account, err := d.js.AccountInfo(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the account's limits: %w", err)
	}
	tiers := map[string]jetstream.Tier{}
	for name, tier := range account.Tiers {
		tiers[" in tier "+name] = tier
	}
	if len(tiers) == 0 {
		tiers[""] = account.Tier
	}
	var found []Finding
	for name, tier := range tiers {
		for _, used := range []struct {
			what      string
			now, most int64
			text      func(int64) string
		}{
			{"storage", int64(tier.Store), tier.Limits.MaxStore, bytesText},                  //nolint:gosec // below 2^63 bytes
			{"reserved storage", int64(tier.ReservedStore), tier.Limits.MaxStore, bytesText}, //nolint:gosec // likewise
			{"streams", int64(tier.Streams), int64(tier.Limits.MaxStreams), count},
			{"consumers", int64(tier.Consumers), int64(tier.Limits.MaxConsumers), count},
		} {
			found = append(found, d.usedUp("the account's "+used.what+name, used.now, used.most, used.text)...)
		}
	}
	if server, err := d.monitored(ctx); err == nil && server != nil {
		js := server.JetStream
		found = append(found, d.usedUp("the storage of server "+server.Name, js.Stats.Store, js.Config.MaxStore, bytesText)...)
	}
	return orGood(found, values{"storage": account.Store, "streams": account.Streams, "consumers": account.Consumers}, "JetStream has %s in %d streams, and room for more",
		bytesText(int64(account.Store)), account.Streams), nil //nolint:gosec // likewise
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// usedUp is about what there is not much left of. No limit, no finding.
func (d *Doctor) usedUp(what string, now, most int64, text func(int64) string) []Finding {
	if most <= 0 {
		return nil
	}
	severity := graded(float64(now)/float64(most), d.config.Limits.Full, full)
	if severity == OK {
		return nil
	}
	return []Finding{{
		Severity: severity, What: fmt.Sprintf("%s is used up to %s of %s", what, text(now), text(most)), Why: "the broker refuses what comes then, events too",
		Do: "raise the limit, or give the server more room", Values: values{"what": what, "used": now, "limit": most},
	}}
}
