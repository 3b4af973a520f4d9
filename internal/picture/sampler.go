package picture

import (
	"context"
	"sync"
	"time"
)

// How often a picture is read, and for how long its figures are kept.
const (
	unattended = 10 * time.Second
	attended   = time.Second
	remembered = time.Hour
)

// Sampler keeps the figures of pictures over time: one is read every 10 s, or every second while somebody looks ([Sampler.Look]). Figures of the last hour
// are kept. Its methods may be called from several goroutines.
type Sampler struct {
	reader *Reader
	woken  chan struct{} // somebody has begun to look

	mu      sync.Mutex
	looking int
	latest  Picture
	rates   Rates
	last    sample // what the next rates are reckoned from
	points  []point
}

// NewSampler returns a sampler that has read nothing yet.
func NewSampler(reader *Reader) *Sampler {
	return &Sampler{reader: reader, woken: make(chan struct{}, 1)}
}

// Run samples until ctx ends, and returns nil then. Call it once.
func (s *Sampler) Run(ctx context.Context) error {
	for {
		began := time.Now()
		picture := s.reader.Read(ctx)
		if ctx.Err() != nil { // what was read was cut off
			return nil //nolint:nilerr // it has done what it was to do
		}
		s.take(picture)
		s.pause(ctx, began)
	}
}

// pause ends when the next picture is due: earlier, if somebody begins to look.
func (s *Sampler) pause(ctx context.Context, began time.Time) {
	timer := time.NewTimer(time.Until(began.Add(unattended)))
	defer timer.Stop()
	for {
		if s.attended() {
			timer.Reset(time.Until(began.Add(attended)))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-s.woken:
		}
	}
}

func (s *Sampler) attended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looking > 0
}

// Look has a picture read every second until release is called, which may be called more than once. Any number may look.
func (s *Sampler) Look() (release func()) {
	s.mu.Lock()
	s.looking++
	s.mu.Unlock()
	select {
	case s.woken <- struct{}{}:
	default: // it is awake
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.looking--
	})
}

// Latest returns the last picture that was read, and what happens a second. Before the first one its At is zero. What it points to is shared, and not to be
// changed.
func (s *Sampler) Latest() (Picture, Rates) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest, s.rates
}

// take takes note of a picture.
func (s *Sampler) take(picture Picture) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := sampleOf(picture)
	s.rates = ratesBetween(s.last, next)
	s.last = next.orAsBefore(s.last)
	s.latest = picture
	s.points = append(s.points, pointOf(picture, s.rates))
	outdated := 0
	for outdated < len(s.points) && picture.At.Sub(s.points[outdated].at) > remembered {
		outdated++
	}
	s.points = s.points[outdated:]
}
