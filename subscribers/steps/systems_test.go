package steps_test

// What AcidicJob tests, and what its users have complained of, and where the same is shown here.
//
//	Keys
//	  new key                                                    TestNewKey
//	  finished key returns its stored result                     TestFinishedKeyReturnsItsResult
//	  unlocked key                                               TestUnlockedKeyGoesOn
//	  stale lock is taken over                                   TestStaleLockIsTakenOver, TestStepThatKillsItsProcesses
//	  in-flight equivalent is denied                             TestLockedKeyIsRefused
//	  params mismatch is denied                                  TestArgsMismatch
//	  definition mismatch is denied                              TestDefinitionMismatch
//	  permanent failure is stored                                TestPermanentFailureIsStored
//	  resume from each recovery point                            TestResumeFromEachRecoveryPoint
//	  unknown recovery point                                     TestUnknownRecoveryPoint
//	  unlock on serialization failure                            TestSerializationFailuresAreUsedUp
//	  unlock on an internal error                                TestWaysToFail
//	  error while unlocking is swallowed                         TestErrorWhileUnlocking
//	  the same key at the same time                              TestSixteenOnOneKey
//
//	Steps
//	  success                                                    TestNewKey
//	  retry at each step                                         TestRetryAtEachStep, TestFailuresAreUsedUp
//	  discard at steps 1 and 3                                   TestDiscardAtStep
//	  error without rescue                                       TestWaysToFail, TestPanicIsLoggedWithItsStack
//	  write then error: kept without a transaction, lost in it   TestWritesOfAStepThatFails
//	  missing, empty, duplicate steps                            TestFaultsAreNamedTogether
//	  repeat, halt, step_retrying?                               TestRepeat, TestHalt, TestResumeFromEachRecoveryPoint
//	  breakage at every point, one success a step                TestKilledInEachPhase, TestEveryFault
//	  a fault at every line (simulation)                         TestEveryFault
//	  values, context                                            TestFalsyValues, TestValuesAreUndoneWithTheirStep
//	  staged jobs                                                TestStepsAppendEvents, TestWorkerPerformsWhatIsStarted
//
//	Iteration, time and others
//	  iteration with a crash before the cursor is updated        TestIterationBreaksBeforeTheCursorMoves, TestKilledInEachPhase
//	  delay of 14 days                                           TestSleepForFourteenDays
//	  awaiting two children                                      TestAwaitTwoChildren
//	  serialization failure or deadlock: retry, exhaustion       TestSerializationFailureIsTriedAgain, TestDeadlockIsTriedAgain, TestSerializationFailuresAreUsedUp
//	  batch clearing                                             TestPurge
//	  compensation in reverse order                              TestUndoInReverseOrder, TestUndoCall
//
//	Holes and complaints
//	  success is written behind the step's commit (hole)         TestKilledInEachPhase
//	  two perform the same step at the same time (hole)          TestSixteenOnOneKey, TestFrozenProcessCommitsNothing
//	  falsy values are evaluated anew (hole)                     TestFalsyValues
//	  custom key and iteration stuck the queue                   TestSixteenWorkersOnOneQueue
//	  args that are serialized in another order                  TestArgsMismatch
//	  duplicate step names                                       TestFaultsAreNamedTogether
//	  definition changed under running jobs                      TestDefinitionMismatch, TestChangedDefinition
//	  external I/O in the transaction                            TestCallHoldsNoConnection
//	  serialization failure in fan-in                            TestBeginWhereAllIsSerializable, TestAwaitTwoChildren
//	  no attempt count, no error context                         TestResumeFromEachRecoveryPoint, TestPanicIsLoggedWithItsStack
//	  external write succeeded, recording it failed              TestCallThatCouldNotBeRecorded

import (
	"testing"

	"github.com/contrail-events/contrail/internal/testtable"
)

// The table above names tests that there are.
func TestTableOfSystems(t *testing.T) {
	t.Parallel()
	testtable.Check(t)
}
