package command_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/eventstore/command"
)

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := command.New(nil, command.Decider[*int, string, moved]{Category: "a b"}, command.Config{
		Snapshots: command.Every(1), StateSchema: -1, Attempts: -2, RetryMin: 2 * time.Second, RetryMax: time.Second,
	})
	require.EqualError(t, err, `command.New: store is nil
command.Decider: Category is "a b": stream "a b-1" has a category that is not ASCII letters, digits and '_'
command.Decider: Decide is nil
command.Decider: Evolve is nil
command.Decider: Decode is nil
command.Config: StateSchema is -1, must not be negative
command.Config: Attempts is -2, must not be negative
command.Config: RetryMin is 2s and RetryMax 1s, must be in this order and not negative
command.Config: Name is empty, and the state's type *int has no name that is its own: give the snapshots one`)

	var none *eventstore.Store
	_, err = command.New(none, accounts(), command.Config{Snapshots: command.Every(-1), RetryMax: 1 << 62})
	require.EqualError(t, err, `command.New: store is nil
command.Config: Snapshots is Every(-1), must not be negative
command.Config: RetryMax is 1281023h53m38.427387904s, which is beyond reason`)
}

type embedded struct{ Shown int }

type selfMarshalled struct{ hidden int }

func (s *selfMarshalled) MarshalJSON() ([]byte, error) { return []byte{byte('0' + s.hidden)}, nil }

func (s *selfMarshalled) UnmarshalJSON(text []byte) error {
	s.hidden = int(text[0] - '0')
	return nil
}

type survivor struct {
	embedded

	ID       uuid.UUID
	At       *time.Time
	Hidden   selfMarshalled
	Skipped  chan int `json:"-"`
	Anything any
	Children []survivor
	ByNumber map[int]*survivor
	ByID     map[uuid.UUID]string
	_        struct{}
}

// A state of which JSON would leave something out would decide wrongly once it came back from a snapshot.
func TestStatesThatDoNotSurviveJSON(t *testing.T) {
	t.Parallel()
	const intro = "command.Config: Snapshots: the state's type "
	require.NoError(t, newWithState[survivor]())
	require.NoError(t, newWithState[*survivor]())
	require.NoError(t, newWithState[map[string]any]())
	type list struct{ Values []struct{ value int } }
	require.EqualError(t, newWithState[list](), intro+"command_test.list does not survive JSON: command_test.list.Values.value is unexported: "+
		"export it, or give the type MarshalJSON and UnmarshalJSON")
	type pointsIn struct{ *embedded }
	require.ErrorContains(t, newWithState[pointsIn](), "pointsIn.embedded is unexported")
	type sum struct{ Status interface{ Name() string } }
	require.ErrorContains(t, newWithState[*sum](), "sum.Status is an interface, and JSON does not tell which type to bring back")
	require.ErrorContains(t, newWithState[struct{ F map[string]func() }](), ".F is a func")
	require.ErrorContains(t, newWithState[struct{ M map[struct{}]int }](), ".M has keys of type struct {}")
	require.ErrorContains(t, newWithState[[]chan int](), "is a chan")
	type base struct{ ID int }
	type inherits struct {
		base
		ID int
	}
	require.ErrorContains(t, newWithState[inherits](), `inherits.base.ID and command_test.inherits.ID are both called "ID" there`)
	type namesakes struct {
		A int
		B int `json:"A"`
	}
	require.ErrorContains(t, newWithState[namesakes](), `namesakes.A and command_test.namesakes.B are both called "A" there`)
	type Node struct {
		*Node // which embeds itself

		ID int
	}
	require.ErrorContains(t, newWithState[Node](), `Node.Node.ID and command_test.Node.ID are both called "ID" there`)

	_, err := command.New(&eventstore.Store{}, deciderOf[list](), command.Config{})
	require.NoError(t, err, "no snapshots, no demands")
}

func newWithState[S any]() error {
	_, err := command.New(&eventstore.Store{}, deciderOf[S](), command.Config{Snapshots: command.Every(1), Name: "state"})
	return err
}

func deciderOf[S any]() command.Decider[S, string, moved] {
	return command.Decider[S, string, moved]{
		Category: "account",
		Decide:   func(S, string) ([]moved, error) { return nil, nil },
		Evolve:   func(state S, _ moved) S { return state },
		Decode:   func(contrail.Recorded) ([]moved, error) { return nil, nil },
	}
}
