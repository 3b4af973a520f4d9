package deadletters

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
)

// letterJSON is how a letter is written.
type letterJSON struct {
	DeadLetters string             `json:"dead_letters"`
	ID          uint64             `json:"id"`
	State       State              `json:"state"`
	Consumer    string             `json:"consumer"`
	Reason      subscribers.Reason `json:"reason"`
	Error       string             `json:"error"`
	ErrorChain  []string           `json:"error_chain,omitempty"`
	Stack       string             `json:"stack,omitempty"`
	Deliveries  int                `json:"deliveries"`
	Replays     int                `json:"replays"`
	PublishedAt time.Time          `json:"published_at,omitzero"`
	FailedAt    time.Time          `json:"failed_at,omitzero"`
	StoredAt    time.Time          `json:"stored_at"`
	Stream      string             `json:"stream"`
	Subject     string             `json:"subject"`
	Sequence    uint64             `json:"sequence"`
	MsgID       string             `json:"msg_id,omitempty"`
	CausationID string             `json:"causation_id,omitempty"`
	By          string             `json:"by,omitempty"`
	Because     string             `json:"because,omitempty"`
	Progress    Progress           `json:"progress,omitempty"`
	Header      nats.Header        `json:"header,omitempty"`
	Event       *eventJSON         `json:"event,omitempty"`
	Payload     string             `json:"payload,omitempty"`        // of what is no event
	Binary      []byte             `json:"payload_base64,omitempty"` // likewise, where it is no text
}

type eventJSON struct {
	ID         uuid.UUID         `json:"id"`
	Stream     contrail.StreamID `json:"stream"`
	Version    int64             `json:"version"`
	Type       string            `json:"type"`
	Position   contrail.Position `json:"position"`
	RecordedAt time.Time         `json:"recorded_at"`
	Metadata   contrail.Metadata `json:"metadata"`
	Data       json.RawMessage   `json:"data"`
}

// MarshalJSON writes all that is known of a letter, with times in RFC 3339 and in UTC. Its event stands under "event"; the payload of what is
// none stands under "payload" or, unless it is UTF-8, under "payload_base64".
func (l Letter) MarshalJSON() ([]byte, error) {
	written := letterJSON{
		DeadLetters: l.In, ID: l.ID, State: l.State, Consumer: l.Consumer, Reason: l.Reason, Error: l.Error, ErrorChain: l.ErrorChain,
		Stack: l.Stack, Deliveries: l.Deliveries, Replays: l.Replays, PublishedAt: l.PublishedAt.UTC(), FailedAt: l.FailedAt.UTC(),
		StoredAt: l.StoredAt.UTC(), Stream: l.Stream, Subject: l.Subject, Sequence: l.Sequence, MsgID: l.MsgID, CausationID: l.CausationID,
		By: l.Decision.By, Because: l.Decision.Because, Progress: l.Progress, Header: l.Header,
	}
	switch {
	case l.Event != nil:
		e := l.Event
		written.Event = &eventJSON{e.ID, e.Stream, e.Version, e.Type, e.Position, e.RecordedAt.UTC(), e.Metadata, e.Data}
	case utf8.Valid(l.Data):
		written.Payload = string(l.Data)
	default:
		written.Binary = l.Data
	}
	text, err := json.Marshal(written)
	if err != nil {
		return nil, fmt.Errorf("write letter %d of %s: %w", l.ID, l.In, err)
	}
	return text, nil
}
