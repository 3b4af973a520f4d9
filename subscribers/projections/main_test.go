package projections_test

import (
	"testing"

	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
