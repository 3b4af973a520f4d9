package deliveries_test

// What Chimeway tests about its deliveries, and where the same is shown here.
//
//	success is one attempt                                       TestSuccessIsOneAttempt
//	performed twice is one attempt                               TestPerformedTwiceIsOneAttempt
//	each terminal state short-circuits, no adapter call          TestTerminalStatesShortCircuit
//	transient first: failed, not terminal; recovers on 2         TestRecoversAtTheSecondAttempt
//	five attempts, cancelled as retries_exhausted, 1 … 5         TestExhaustedAfterFive, TestDeliverAcknowledgesWhatIsExhausted
//	drain, end to end                                            TestRunDrains
//	every reason converges                                       TestEveryReasonConverges
//	unknown result: attempt persisted before the raise           TestUnknownIsRecordedBeforeItIsRaised
//	already read: no attempt                                     TestRulesAtSending
//	adapter by channel, fallback                                 TestAdapterByChannel
//	planning committed, rolled back                              TestPlanIsTheTransactions
//	dispatched twice is one delivery                             TestPlannedTwiceIsOneDelivery
//	attempts recorded at the same time are contiguous            TestAttemptsAreContiguousUnder16Workers
//	ten triggers with one key are one event                      TestPlannedBy16AtOnceIsOneDelivery
//	progress at the same time has one winner                     TestSixteenWorkersOneCall
//	stale claim becomes ambiguous                                TestStaleAttemptBecomesAmbiguous
//	late success can't overwrite ambiguity                       TestLateSuccessChangesNothing
//	concurrent recovery is one hand-over                         TestRecoveredOnceBy16
//	recovery across tenants leaks nothing                        TestRecoverIsOneTenants
//	recovery once per delivery (hole)                            TestRecoveredAgainAndAgain
//	an adapter's exception leaves no attempt (hole)              TestUnknownIsRecordedBeforeItIsRaised, TestKilledProcess
//	nothing personal in telemetry                                TestNothingOfTheEventIsLogged

import (
	"testing"

	"github.com/contrail-events/contrail/internal/testtable"
)

// The table above names tests that there are.
func TestTableOfSystems(t *testing.T) {
	t.Parallel()
	testtable.Check(t)
}
