package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The tokens of an acknowledgement's subject: $JS.ACK.<stream>.<consumer>.…, or, in its second form, $JS.ACK.<domain>.<account>.<stream>.<consumer>.….
const (
	secondFormTokens = 11
	streamToken      = 4 // in the second form
)

func checkAckSubjects(ctx context.Context, d *Doctor) ([]Finding, error) {
	told, err := d.permissions(ctx)
	if err != nil {
		return d.untold(err)
	}
	next := d.apiPrefix() + "CONSUMER.MSG.NEXT." + d.config.Stream + ".*"
	if !told.Known || !told.Publish.allows(next) {
		return good(values{"user": told.User}, "user %s is not bounded in what it acknowledges, or consumes nothing", told.User), nil
	}
	first := told.Publish.allows("$JS.ACK." + d.config.Stream + ".>")
	second := told.Publish.allows("$JS.ACK.*.*."+d.config.Stream+".>") || slices.ContainsFunc(told.Publish.Allow, d.isSecondForm)
	with := values{"user": told.User, "first_form": first, "second_form": second}
	if first && second {
		return good(with, "user %s may acknowledge in both forms", told.User), nil
	}
	used := d.usedForm(ctx)
	with["used_form"] = used
	finding := Finding{
		Severity: Warning, What: fmt.Sprintf("user %s may acknowledge in one of the two forms only", told.User), Values: with,
		Why: "which form is used is the server's choice (js_ack_fc_v2), and servers to come choose the other one",
		Do:  fmt.Sprintf("permit $JS.ACK.%s.> and $JS.ACK.*.*.%s.>, or $JS.ACK.>", d.config.Stream, d.config.Stream),
	}
	if !first && !second || used == 1 && !first || used == 2 && !second {
		finding.Severity = Danger
		finding.What = fmt.Sprintf("user %s may consume and not acknowledge", told.User)
		finding.Why = "no acknowledgement arrives: each event comes again until it is a dead letter"
	}
	return []Finding{finding}, nil
}

// isSecondForm tells whether a rule is about acknowledgements of the stream in the second form, if only of one domain or account.
func (d *Doctor) isSecondForm(rule string) bool {
	tokens := strings.Split(subjectOf(rule), ".")
	return len(tokens) > streamToken+1 && tokens[0] == "$JS" && tokens[1] == "ACK" && (tokens[streamToken] == d.config.Stream || tokens[streamToken] == "*")
}

// usedForm looks at the subject that the server wants one message acknowledged at, by a consumer of its own that is gone after that: 1 or 2; zero where
// there is no message, or it may not look.
func (d *Doctor) usedForm(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout/2)
	defer cancel()
	consumer, err := d.js.CreateConsumer(ctx, d.config.Stream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverLastPolicy, HeadersOnly: true, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: time.Minute, MaxDeliver: 1, Description: "How acknowledgements are addressed, for contrail doctor.",
	})
	if err != nil {
		return 0
	}
	defer func() { // where that may not be done, the broker does it after a minute
		_ = d.js.DeleteConsumer(ctx, d.config.Stream, consumer.CachedInfo().Name)
	}()
	batch, err := consumer.FetchNoWait(1)
	if err != nil {
		return 0
	}
	form := 0
	for message := range batch.Messages() { // one, or none
		form = 1
		if strings.Count(message.Reply(), ".")+1 >= secondFormTokens {
			form = 2
		}
	}
	return form
}
