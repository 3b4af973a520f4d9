package wmjetstream

import (
	"fmt"
	"net/textproto"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail"
)

// marshal makes the message that goes to the broker. What can't be sent, however often it is tried, gives an error that is permanent.
func (p *Publisher) marshal(topic string, msg *message.Message) (*nats.Msg, error) {
	made, err := p.config.Marshaler.Marshal(p.config.Subject(topic), msg)
	if err != nil {
		return nil, contrail.Permanent(fmt.Errorf("marshal: %w", err))
	}
	if err := checkSubject(made.Subject); err != nil {
		return nil, err
	}
	if id := p.config.MsgID(topic, msg); id != "" {
		if made.Header == nil {
			made.Header = nats.Header{}
		}
		made.Header.Set(jetstream.MsgIDHeader, id)
	}
	return made, checkHeader(made.Header)
}

// checkSubject refuses what a broker would take for something else, or not at all.
func checkSubject(subject string) error {
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\f\x00") {
			return contrail.Permanent(&contrail.InvalidError{
				What: "subject", Value: subject,
				Reason: "must be tokens joined by '.', none of them empty, with a wildcard or white space: publish to another topic, or set wmjetstream.Config.Subject",
			})
		}
	}
	return nil
}

// checkHeader refuses what NATS would change in silence: the client writes a space for a line break and none around a value.
func checkHeader(header nats.Header) error {
	for key, values := range header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n") || value != textproto.TrimString(value) {
				return unfit(key, "has a value with a line break, or with white space around it")
			}
		}
		if key == "" || strings.ContainsFunc(key, isUnfit) {
			return unfit(key, "has characters other than ASCII letters, digits and plain signs")
		}
	}
	return nil
}

// isUnfit is as strict as nats.go, whose error does not name the key.
func isUnfit(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"()/,:;<=>?@[\]{}`, r) }

func unfit(key, reason string) error {
	return contrail.Permanent(&contrail.InvalidError{
		What: "metadata key", Value: key,
		Reason: reason + ", which NATS headers can't carry: change it, or set wmjetstream.Config.Marshaler to a JSONMarshaler of watermill-nats",
	})
}
