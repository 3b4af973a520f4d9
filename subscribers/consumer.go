package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// configError is what only a person can mend.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

func misconfigured(format string, args ...any) error { return configError{fmt.Errorf(format, args...)} }

// hopeless tells whether trying again is of no use: the configuration is wrong, the broker calls the request bad, or somebody closed
// the connection. A consumer that is deleted between the look for it and its update is none of these.
func hopeless(err error) bool {
	refusal, refused := errors.AsType[*jetstream.APIError](err)
	bad := refused && refusal.Code == 400 && refusal.ErrorCode != jetstream.JSErrCodeConsumerDoesNotExist
	return isMisconfigured(err) || bad || errors.Is(err, nats.ErrConnectionClosed)
}

// insist calls try until it succeeds, fails for good, or ctx ends; then the value is zero and the error nil.
func insist[T any](ctx context.Context, config Config, try func(context.Context) (T, error)) (T, error) {
	var none T
	for failure := 1; ; failure++ {
		got, err := try(ctx)
		switch {
		case err == nil:
			return got, nil
		case ctx.Err() != nil:
			return none, nil //nolint:nilerr // the end that was asked for
		case hopeless(err):
			return none, err
		}
		config.Logger.WarnContext(ctx, "subscription can't start yet, trying again",
			slog.String("consumer", config.Durable), slog.Any("error", err))
		if !wait(ctx, nil, config.Backoff.pause(failure)) {
			return none, nil
		}
	}
}
