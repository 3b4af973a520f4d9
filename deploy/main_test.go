package deploy_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.M{M: m}, natstest.LeftBehind()...) }
