package wmjetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// provisionedDuplicates is the duplicate window of the streams that ProvisionStream creates.
const provisionedDuplicates = 2 * time.Minute

// ProvisionStream is a [Config.Provision]: unless some stream takes the subject already, it creates one that is called like the topic, with
// '_' for what a stream's name must not have, and takes that subject alone. It is stored in files, keeps everything, and its duplicate window is two
// minutes. It may be called any number of times.
func ProvisionStream(ctx context.Context, js jetstream.JetStream, topic, subject string) error {
	if _, err := streamOf(ctx, js, subject); !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	name := streamName(topic)
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage, Duplicates: provisionedDuplicates, AllowDirect: true,
	})
	switch {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return fmt.Errorf("stream %s does not take subject %s: add the subject to it, or set wmjetstream.Config.Provision to a function of your own: %w",
			name, subject, err)
	case err != nil:
		return fmt.Errorf("create stream %s for subject %s: %w", name, subject, err)
	}
	return nil
}

func streamName(topic string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune(`.*>/\`, r) {
			return '_'
		}
		return r
	}, topic)
}
