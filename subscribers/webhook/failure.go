package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// timeoutError says that an endpoint has not answered in time.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the endpoint has not answered within %s", e.after)
}

// Timeout is as in [net.Error].
func (e *timeoutError) Timeout() bool { return true }

// explained is why there is no answer, in words that help who looks after the endpoint.
func explained(ctx context.Context, err error) error {
	if errors.Is(err, ErrRefused) {
		return refusal(err)
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause //nolint:wrapcheck // ours, or whatever ended the caller's: it says more than what it made go wrong
	}
	if failure, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("the endpoint's name can't be resolved: %s", failure.Err)
	}
	if failure, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("the endpoint's certificate is not valid: %w", failure.Err)
	}
	if failure, ok := errors.AsType[*net.OpError](err); ok && failure.Op == "dial" {
		if failure.Timeout() {
			return fmt.Errorf("no connection to the endpoint within %s", dialTimeout)
		}
		return fmt.Errorf("no connection to the endpoint: %w", failure.Err)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("the endpoint has closed the connection before it answered: %w", err)
	}
	return fmt.Errorf("post to the endpoint: %w", err)
}

// refusal is the guard's own error, without what the dialer has put around it.
func refusal(err error) error {
	if failure, ok := errors.AsType[*net.OpError](err); ok {
		return failure.Err
	}
	return err
}
