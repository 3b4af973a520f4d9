package plain

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Event is a CloudEvent 1.0 as Contrail publishes it.
type Event struct {
	SpecVersion   string    `json:"specversion"`   // 1.0
	ID            string    `json:"id"`            // a UUID, and the message's Nats-Msg-Id
	Source        string    `json:"source"`        // /contrail/billing/ and the id of the store
	Type          string    `json:"type"`          // OrderPlaced
	Subject       string    `json:"subject"`       // the event's stream: order-42
	Time          time.Time `json:"time"`          // when it was recorded
	Sequence      string    `json:"sequence"`      // the position, padded to 20 digits
	StreamVersion int64     `json:"streamversion"` // 1, 2, 3 … within the event's stream

	// Metadata, each there or not. A key's underscores are dropped: correlation_id is correlationid.
	CorrelationID string `json:"correlationid"`
	CausationID   string `json:"causationid"`
	TenantID      string `json:"tenantid"`
	KeyID         string `json:"keyid"` // if it is there, Data is encrypted

	Data json.RawMessage `json:"data"`
}

// ReadEvent reads a message in either format: structured, where the payload is the event, or binary, where the payload is the event's data and
// headers are its attributes. The error says that the message is not an event.
func ReadEvent(header nats.Header, payload []byte) (Event, error) {
	var e Event
	var err error
	if header.Get("ce-specversion") == "" {
		err = json.Unmarshal(payload, &e)
	} else {
		e, err = fromHeaders(header, payload)
	}
	switch {
	case err != nil:
		return Event{}, fmt.Errorf("not an event: %w", err)
	case e.SpecVersion != "1.0" || e.ID == "" || e.Type == "":
		return Event{}, errors.New("not an event: specversion, id or type is missing")
	}
	if _, err := e.Position(); err != nil {
		return Event{}, err
	}
	return e, nil
}

// fromHeaders reads the attributes of binary mode. They are percent-encoded.
func fromHeaders(header nats.Header, payload []byte) (e Event, err error) {
	text := func(name string) string {
		value, fault := url.PathUnescape(header.Get("ce-" + name))
		err = errors.Join(err, fault)
		return value
	}
	e = Event{
		SpecVersion: text("specversion"), ID: text("id"), Source: text("source"), Type: text("type"), Subject: text("subject"),
		Sequence: text("sequence"), CorrelationID: text("correlationid"), CausationID: text("causationid"),
		TenantID: text("tenantid"), KeyID: text("keyid"), Data: payload,
	}
	at, fault := time.Parse(time.RFC3339Nano, text("time"))
	e.Time, err = at, errors.Join(err, fault)
	version, fault := strconv.ParseInt(text("streamversion"), 10, 64)
	e.StreamVersion, err = version, errors.Join(err, fault)
	return e, err
}

// Position is the event's place in the order of its store: above zero, ascending, with gaps.
func (e Event) Position() (int64, error) {
	position, err := strconv.ParseInt(e.Sequence, 10, 64)
	if err != nil || position <= 0 {
		return 0, fmt.Errorf("not an event: sequence is %q", e.Sequence)
	}
	return position, nil
}

// Category is the part of the event's stream in front of the first '-'.
func (e Event) Category() string {
	category, _, _ := strings.Cut(e.Subject, "-")
	return category
}
