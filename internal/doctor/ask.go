package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/publisher"
	"github.com/contrail-events/contrail/publisher/control"
)

// streamInfo is the stream of the events. The error wraps [jetstream.ErrStreamNotFound].
func (d *Doctor) streamInfo(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	stream, err := d.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", name, err)
	}
	return stream.CachedInfo(), nil
}

// findStream is nil where there is none.
func (d *Doctor) findStream(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	info, err := d.streamInfo(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	return info, err
}

// relaySettings are those of its settings that a relay tells, and that count here.
type relaySettings struct {
	Prefix      string `json:"prefix"`
	Subject     string `json:"subject"`
	Format      string `json:"format"`
	Fence       string `json:"fence"`
	Name        string `json:"name"`
	OnPermanent string `json:"on_permanent"`
	AckTimeout  string `json:"ack_timeout"`
	RetryMax    string `json:"retry_max"`
	Wake        string `json:"wake"`
}

// livingRelay is a relay that was heard of lately.
type livingRelay struct {
	control.Relay

	settings relaySettings
}

func (d *Doctor) relays(ctx context.Context) (living []livingRelay, gone []control.Relay, err error) {
	list, err := control.List(ctx, d.pool, d.config.Stream)
	if err != nil {
		return nil, nil, err
	}
	for _, relay := range list {
		if relay.Gone {
			gone = append(gone, relay)
			continue
		}
		one := livingRelay{Relay: relay}
		if err := json.Unmarshal(relay.Settings, &one.settings); err != nil {
			return nil, nil, fmt.Errorf("read the settings of relay %s: %w", relay.Identity, err)
		}
		living = append(living, one)
	}
	return living, gone, nil
}

// fence is that of the relays: of one that shares the stream, if they differ.
func (d *Doctor) fence(living []livingRelay) publisher.Fence {
	if len(living) == 0 {
		return d.config.Fence
	}
	for _, relay := range living {
		if relay.settings.Fence == publisher.MsgID.String() {
			return publisher.MsgID
		}
	}
	return publisher.LastSequence
}

// relayedFence is fence without the relays at hand: where the database can't tell, what the configuration says.
func (d *Doctor) relayedFence(ctx context.Context) publisher.Fence {
	if d.pool == nil {
		return d.config.Fence
	}
	living, _, err := d.relays(ctx)
	if err != nil {
		return d.config.Fence
	}
	return d.fence(living)
}

// One row by its primary key.
const cursorSQL = `SELECT position, sequence FROM contrail.relays WHERE stream = $1`

// cursor is where the relay has recorded to be; zero: it has published nothing.
func (d *Doctor) cursor(ctx context.Context) (position, sequence int64, err error) {
	err = d.pool.QueryRow(ctx, cursorSQL, d.config.Stream).Scan(&position, &sequence)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the relay's cursor: %w", err)
	}
	return position, sequence, nil
}

// stored is a message of a stream.
type stored struct {
	Sequence uint64    `json:"seq"`
	Subject  string    `json:"subject"`
	Header   []byte    `json:"hdrs"`
	Data     []byte    `json:"data"`
	Time     time.Time `json:"time"`
}

// message asks the stream's leader: a direct get would be answered by any replica, and may be late. The error wraps [jetstream.ErrMsgNotFound].
func (d *Doctor) message(ctx context.Context, stream string, which map[string]any) (stored, error) {
	var response struct {
		Error   *jetstream.APIError `json:"error"`
		Message stored              `json:"message"`
	}
	request, err := json.Marshal(which)
	if err == nil {
		err = d.request(ctx, d.apiPrefix()+"STREAM.MSG.GET."+stream, request, &response)
	}
	if err == nil && response.Error != nil {
		err = response.Error
		if response.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			err = jetstream.ErrMsgNotFound
		}
	}
	if err != nil {
		return stored{}, fmt.Errorf("read message %v of stream %s: %w", which, stream, err)
	}
	return response.Message, nil
}

func (d *Doctor) request(ctx context.Context, subject string, request []byte, response any) error {
	reply, err := d.js.Conn().RequestWithContext(ctx, subject, request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", subject, err)
	}
	if err := json.Unmarshal(reply.Data, response); err != nil {
		return fmt.Errorf("ask %s: %w", subject, err)
	}
	return nil
}

// apiPrefix begins the subjects of JetStream's API.
func (d *Doctor) apiPrefix() string {
	options := d.js.Options()
	switch {
	case options.APIPrefix != "":
		return options.APIPrefix
	case options.Domain != "":
		return "$JS." + options.Domain + ".API."
	}
	return jetstream.DefaultAPIPrefix
}

// header reads a message's.
func (s stored) header() (nats.Header, error) {
	if len(s.Header) == 0 {
		return nats.Header{}, nil
	}
	return nats.DecodeHeadersMsg(s.Header) //nolint:wrapcheck // the one caller does
}
