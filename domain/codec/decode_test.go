package codec_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/codec"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	type opened struct{ Name string }
	recorded := contrail.Recorded{Stream: contrail.NewStreamID("door", "7"), Version: 3, Type: "DoorOpened", Data: []byte(`{"Name":"x"}`)}
	event, err := codec.Decode[opened](recorded)
	require.NoError(t, err)
	require.Equal(t, opened{"x"}, event)

	recorded.Data = []byte(`{"Name":1}`)
	_, err = codec.Decode[opened](recorded)
	require.ErrorContains(t, err, "decode door-7 version 3, DoorOpened: ")
	var cause *json.UnmarshalTypeError
	require.ErrorAs(t, err, &cause)

	require.EqualError(t, codec.Unknown(recorded),
		`decode door-7 version 3: event type "DoorOpened" is unknown here: upgrade this program, or upcast the event`)
}
