package doctor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/doctor"
)

// sick is a state that a check has to find, or that looks like one and is none.
type sick struct {
	check    string
	severity doctor.Severity
	what     string // that the finding says
	make     func(w *world)
}

func allSick() []sick {
	var all []sick
	for _, some := range [][]sick{sickDatabases(), sickEvents(), sickRelays(), sickBrokers(), sickStreams(), sickConsumers(), sickSubscribers(), unknowable()} {
		all = append(all, some...)
	}
	return all
}

// Each state is found, with the reason and what to do; and nothing where there is nothing.
func TestSick(t *testing.T) {
	t.Parallel()
	for _, one := range allSick() {
		t.Run(one.check+" "+one.what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			one.make(w)
			findings := w.examine(one.check)
			for _, finding := range findings {
				require.Equal(t, one.check, finding.Check)
				if finding.Severity == one.severity && strings.Contains(finding.What, one.what) {
					require.Equal(t, one.severity.AtLeast(doctor.Note), finding.Do != "", "%+v", finding)
					require.True(t, !one.severity.AtLeast(doctor.Warning) || finding.Why != "", "%+v", finding)
					return
				}
			}
			require.Fail(t, "not found", "%s %q among %+v", one.severity, one.what, findings)
		})
	}
}

// Every check is tried in a state that it has to find; [TestHealthy] tries it in one that is as it should be.
func TestEveryCheckIsTried(t *testing.T) {
	t.Parallel()
	worse := map[string]bool{}
	for _, one := range allSick() {
		worse[one.check] = worse[one.check] || one.severity.AtLeast(doctor.Warning)
	}
	for _, check := range doctor.Checks() {
		// That the fence is msg-id, or a role has no limit, is worth no more than a note.
		require.True(t, worse[check.Name] || check.Name == "fence" || check.Name == "timeouts", check.Name)
		require.NotEmpty(t, check.About)
	}
}
