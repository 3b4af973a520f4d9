package publisher

import "context"

// addFound counts the events that the stream is found to have behind the cursor: those of a batch that has failed after some of it was stored, or whose acknowledgement
// was lost, here or in a relay that led before. The cursor moves over them now, and nobody has counted them. In a stream with other writers they can't be told apart.
func (t *telemetry) addFound(ctx context.Context, recorded, at cursor) {
	if t == nil || !t.fenced || at.sequence <= recorded.sequence {
		return
	}
	t.published.Add(ctx, int64(at.sequence-recorded.sequence), t.ofStream) //nolint:gosec // a stream has fewer
}
