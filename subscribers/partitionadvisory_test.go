package subscribers_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers"
)

// Nobody answers for the last delivery of a partition's event: whoever holds the partition makes a dead letter of it, which is one of the event where the
// relay put it. Later events of its stream wait until it is settled.
func TestPartitionsBuryWhatTheBrokerGaveUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got numbers
	config := one()
	config.MaxDeliver = 1
	stop := w.divide(t, config, &got)
	w.publish(t, "invoice-0", drafted{})
	got.await(t, 0)
	stop()
	event := w.publish(t, "invoice-1", drafted{N: 1})
	w.steal(t, "0")
	w.publish(t, "invoice-1", drafted{N: 2})
	w.divide(t, config, &got)
	got.await(t, 0, 2)
	eventually(t, func() bool { return len(w.deadLetters(t)) == 1 })
	letter := w.deadLetters(t)[0]
	require.Equal(t, subscribers.ReasonCrashed, letter.Reason)
	require.Equal(t, "EVENTS events.invoice.1.InvoiceDrafted 2 test "+event.ID.String(),
		letter.Stream+" "+letter.Subject+" "+strconv.FormatUint(letter.Sequence, 10)+" "+letter.Consumer+" "+letter.MsgID)
	require.NotEmpty(t, letter.Data)
}
