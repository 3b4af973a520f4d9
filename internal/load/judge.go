package load

// Judge finds out whether the events of numbered streams arrived, each once and in the order of its stream's versions, which begin with 1. It is not
// safe for concurrent use. Its memory is bounded by the number of streams.
type Judge struct {
	tracks  []track
	arrived int64
	missing int64 // versions that were passed over
	doubled int64
	late    int64
	gaps    int
}

// track is what is known of one stream.
type track struct {
	appended int64 // the last version
	next     int64 // the version that is to arrive; 0 stands for 1
	gaps     []gap // what was passed over, as far as there is room to remember
}

// gap is a range of versions, both included.
type gap struct{ from, to int64 }

// mostGaps are remembered, over all streams. What fills a gap beyond them counts as doubled, and the gap as missing: no run with so many is taken for sound.
const mostGaps = 10_000

// Findings are what a [Judge] has found.
type Findings struct {
	Arrived    int64 // distinct events
	Missing    int64 // events that did not arrive, and later ones of their streams did
	Behind     int64 // events at the ends of their streams that did not arrive, or not yet
	Doubled    int64 // arrivals of an event that had arrived before
	OutOfOrder int64 // events that arrived after later ones of their streams
}

// NewJudge returns a judge of so many streams, counted from 0.
func NewJudge(streams int) *Judge { return &Judge{tracks: make([]track, streams)} }

// Appended says that a stream has events up to this version.
func (j *Judge) Appended(stream int, version int64) {
	t := &j.tracks[stream]
	t.appended = max(t.appended, version)
}

// Arrived says that an event has arrived, and returns whether it is the first time. It may come before Appended does.
func (j *Judge) Arrived(stream int, version int64) (first bool) {
	t := &j.tracks[stream]
	t.next = max(t.next, 1)
	switch {
	case version < t.next && !j.fill(t, version):
		j.doubled++
		return false
	case version < t.next:
		j.late++
		j.missing--
	default:
		j.pass(t, version)
	}
	j.arrived++
	return true
}

// pass moves a track behind a version, over a gap if there is one.
func (j *Judge) pass(t *track, version int64) {
	if version > t.next {
		j.missing += version - t.next
		if j.gaps < mostGaps {
			t.gaps = append(t.gaps, gap{t.next, version - 1})
			j.gaps++
		}
	}
	t.next = version + 1
}

// fill takes a version out of the gaps, and returns whether it was in one.
func (j *Judge) fill(t *track, version int64) bool {
	for i, g := range t.gaps {
		if version < g.from || version > g.to {
			continue
		}
		rest := append([]gap{}, t.gaps[:i]...)
		for _, part := range []gap{{g.from, version - 1}, {version + 1, g.to}} {
			if part.from <= part.to {
				rest = append(rest, part)
			}
		}
		rest = append(rest, t.gaps[i+1:]...)
		j.gaps += len(rest) - len(t.gaps)
		t.gaps = rest
		return true
	}
	return false
}

// Findings may be asked for at any time.
func (j *Judge) Findings() Findings {
	found := Findings{Arrived: j.arrived, Missing: j.missing, Doubled: j.doubled, OutOfOrder: j.late}
	for _, t := range j.tracks {
		found.Behind += max(0, t.appended-max(t.next, 1)+1)
	}
	return found
}
