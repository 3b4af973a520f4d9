package picture

import (
	"slices"
	"time"
)

// Series are the figures of the last hour, the oldest first: element i of each is from At[i]. Null, or nil: not known then.
type Series struct {
	At         []float64  `json:"at"` // Unix time in seconds
	Appended   []*float64 `json:"appended_events_per_second"`
	Published  []*float64 `json:"published_events_per_second"`
	Handled    []*float64 `json:"handled_events_per_second"` // by all consumers together
	LagEvents  []*float64 `json:"lag_events"`
	LagSeconds []*float64 `json:"lag_seconds"` // age of the oldest event that is not published
	PublishP50 []*float64 `json:"publish_p50_seconds"`
	PublishP99 []*float64 `json:"publish_p99_seconds"`
	HandleP50  []*float64 `json:"handle_p50_seconds"` // of the slowest consumer
	HandleP99  []*float64 `json:"handle_p99_seconds"`
}

// point is one of a series.
type point struct {
	at                           time.Time
	appended, published, handled *float64
	lagEvents, lagSeconds        *float64
	publishP50, publishP99       *float64
	handleP50, handleP99         *float64
}

func pointOf(picture Picture, rates Rates) point {
	p := point{at: picture.At, appended: rates.Appended, published: rates.Published}
	if rates.Handled != nil {
		sum := 0.0
		for _, handled := range rates.Handled {
			sum += handled
		}
		p.handled = &sum
	}
	if store := picture.Store; store != nil {
		events := float64(store.LagEvents)
		p.lagEvents, p.lagSeconds = &events, &store.OldestUnpublishedSeconds
	}
	if publish := picture.Latency.Publish; publish != nil {
		p.publishP50, p.publishP99 = &publish.P50, &publish.P99
	}
	for _, handle := range picture.Latency.Handle {
		p.handleP50, p.handleP99 = greater(p.handleP50, handle.P50), greater(p.handleP99, handle.P99)
	}
	return p
}

func greater(so *float64, value float64) *float64 {
	if so == nil || value > *so {
		return &value
	}
	return so
}

// Series returns the figures of the last hour: a point for each picture that was read, so a second apart while somebody has looked, and ten otherwise.
func (s *Sampler) Series() Series {
	s.mu.Lock()
	points := slices.Clip(s.points) // the points themselves don't change
	s.mu.Unlock()
	var series Series
	for _, p := range points {
		series.At = append(series.At, float64(p.at.UnixMilli())/float64(time.Second/time.Millisecond))
	}
	for _, column := range []struct {
		to   *[]*float64
		from func(point) *float64
	}{
		{&series.Appended, func(p point) *float64 { return p.appended }},
		{&series.Published, func(p point) *float64 { return p.published }},
		{&series.Handled, func(p point) *float64 { return p.handled }},
		{&series.LagEvents, func(p point) *float64 { return p.lagEvents }},
		{&series.LagSeconds, func(p point) *float64 { return p.lagSeconds }},
		{&series.PublishP50, func(p point) *float64 { return p.publishP50 }},
		{&series.PublishP99, func(p point) *float64 { return p.publishP99 }},
		{&series.HandleP50, func(p point) *float64 { return p.handleP50 }},
		{&series.HandleP99, func(p point) *float64 { return p.handleP99 }},
	} {
		for _, p := range points {
			*column.to = append(*column.to, column.from(p))
		}
	}
	return series
}
