package subscribers

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/contrail-events/contrail"
)

// about is what is known of a delivery's event once it was read.
type about struct {
	id         uuid.UUID
	position   contrail.Position
	recordedAt time.Time
}

// handling is how a worker fares with a delivery.
type handling struct {
	span  trace.Span    // nil: none
	began time.Time     // when the handler was called; zero: it was not
	took  time.Duration // until it returned; zero: it has not, or nobody has measured that
}

// duration is that of the handler's call, so far if it has not returned.
func (h handling) duration(now time.Time) (took time.Duration, called bool) {
	if h.took == 0 && !h.began.IsZero() {
		return now.Sub(h.began), true
	}
	return h.took, !h.began.IsZero()
}

// begin forgets how a former handling went. span may be nil.
func (d *delivery) begin(span trace.Span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handled = handling{span: span}
}

func (d *delivery) handling() handling {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handled
}

// called notes that the handler is called, and returns the ctx that it gets.
func (d *delivery) called(ctx context.Context, now time.Time) context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handled.began = now
	if d.handled.span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, d.handled.span)
}

// returned notes that the handler has returned that was called at began. One that was given up may do so during a later handling.
func (d *delivery) returned(began time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.handled.began.Equal(began) {
		d.handled.took = time.Since(began)
	}
}
