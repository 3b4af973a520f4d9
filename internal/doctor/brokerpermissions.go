package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// duty is what somebody does with the broker, and the subjects that it takes. Who may publish to the first one has begun, and is to have the others.
type duty struct {
	name     string
	publish  []string
	received string
}

func (d *Doctor) duties() []duty {
	api, stream, letters := d.apiPrefix(), d.config.Stream, d.config.DeadLetters
	inbox := d.js.Conn().Opts.InboxPrefix
	if inbox == "" {
		inbox = strings.TrimSuffix(nats.InboxPrefix, ".")
	}
	return []duty{
		{"relay", []string{d.config.Prefix + ".>", api + "STREAM.INFO." + stream, api + "STREAM.MSG.GET." + stream}, inbox + ".>"},
		{"subscribe", []string{
			api + "CONSUMER.MSG.NEXT." + stream + ".*", api + "CONSUMER.CREATE." + stream + ".>", api + "CONSUMER.INFO." + stream + ".*", api + "STREAM.INFO." + stream,
			api + "STREAM.NAMES", api + "STREAM.INFO." + letters, api + "CONSUMER.MSG.NEXT." + letters + ".*", strings.ToLower(letters) + ".>",
		}, inbox + ".>"},
	}
}

func checkBrokerPermissions(ctx context.Context, d *Doctor) ([]Finding, error) {
	told, err := d.permissions(ctx)
	if err != nil {
		return d.untold(err)
	}
	with := values{"user": told.User, "account": told.Account}
	if !told.Known {
		return good(with, "user %s may publish and subscribe to everything in account %s", told.User, told.Account), nil
	}
	var found []Finding
	var may []string
	for _, duty := range d.duties() {
		var lacking []string
		for _, subject := range duty.publish {
			if !told.Publish.allows(subject) {
				lacking = append(lacking, subject)
			}
		}
		switch begins := told.Publish.allows(duty.publish[0]); {
		case begins && !told.Receive.allows(duty.received):
			lacking = append(lacking, "to receive "+duty.received)
			fallthrough
		case begins && len(lacking) > 0:
			found = append(found, Finding{
				Severity: Danger, What: fmt.Sprintf("user %s may %s, but not publish to %s", told.User, duty.name, strings.Join(lacking, ", ")),
				Why: "what it begins does not go on: the broker does not answer what is not permitted", Do: "permit these subjects to the user",
				Values: values{"user": told.User, "duty": duty.name, "lacking": lacking},
			})
		case begins:
			may = append(may, duty.name)
		}
	}
	with["may"] = may
	if len(found) == 0 && len(may) == 0 {
		return []Finding{{
			Severity: Note, What: fmt.Sprintf("user %s may neither relay nor subscribe", told.User), Why: "programs that connect as this user can't either",
			Do: "examine as the users of the relays and the subscribers", Values: with,
		}}, nil
	}
	return orGood(found, with, "user %s may %s", told.User, strings.Join(may, ", ")), nil
}

// untold is about a user that may not even ask what it may.
func (d *Doctor) untold(err error) ([]Finding, error) {
	if !d.isForbidden(err) && !errors.Is(err, nats.ErrNoResponders) {
		return nil, err
	}
	return noted("not examined: the broker does not tell this user what it may do", "permit it to publish to "+userInfoSubject+", which answers about the user itself alone"), nil
}
