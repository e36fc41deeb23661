//! A runaway that is held is well; one that is not, or that was ended by something else, is named with a remedy.

use super::*;

fn report(ending: Ending) -> Report {
    Report {
        ending,
        last_word: None,
        signal: None,
        exit_code: None,
        late: false,
        survivor: false,
        wall: Duration::from_millis(300),
        cpu: Some(Duration::from_millis(250)),
        peak_bytes: Some(70 * MIB),
        peak_source: None,
        processes_peak: Some(40),
        scratch_bytes: None,
        limits: backstay_isolate::Limits::default(),
        child_age: Duration::ZERO,
        child_jobs: 0,
        stderr: String::new(),
        output_bytes: OUTPUT_BYTES + 1,
        pid: 0,
        name: None,
        fault: None,
        detail: None,
    }
}

#[test]
fn each_limit_has_its_ending_and_its_bound() {
    let far = || Report {
        wall: Duration::from_secs(4),
        cpu: Some(Duration::from_secs(4)),
        peak_bytes: Some(200 * MIB),
        processes_peak: Some(500),
        output_bytes: 9 * MIB,
        ..report(Ending::Completed)
    };
    type Judge = fn(&Report) -> Row;
    let rows: [(Judge, Ending); 5] = [
        (memory, Ending::MemoryLimit),
        (processes, Ending::ProcessLimit),
        (cpu_time, Ending::CpuLimit),
        (timeout, Ending::TimedOut),
        (output, Ending::OutputLimit),
    ];
    for (judge, ending) in rows {
        let held = judge(&report(ending));
        assert_eq!((held.health, &held.remedy), (Health::Ok, &None), "{held:?}");
        let late = judge(&Report { ending, ..far() });
        assert_eq!(late.health, Health::Fail, "{late:?}");
        let never = judge(&Report { ..report(Ending::Completed) });
        assert!(never.health == Health::Fail && never.remedy.is_some(), "{never:?}");
    }
}

#[test]
fn a_kernel_that_starts_no_more_holds_as_well() {
    let refused = Report {
        exit_code: Some(REFUSED.into()),
        processes_peak: Some(PROCESSES),
        ..report(Ending::Exited)
    };
    assert_eq!(processes(&refused).health, Health::Ok);
}

#[test]
fn whatever_is_left_is_a_failure_and_so_is_a_trial_that_did_not_take_place() {
    let after = Duration::from_millis(12);
    let gone = escape(&report(Ending::Evicted), Some(Gone { left: 0, of: 2, after }));
    assert_eq!(gone.health, Health::Ok);
    assert!(gone.finding.ends_with("gone after 12 ms"), "{}", gone.finding);
    let left = orphan(&report(Ending::Killed), Some(Gone { left: 1, of: 2, after }));
    assert_eq!(left.health, Health::Fail);
    assert!(left.finding.contains("1 of 2 processes still there"), "{}", left.finding);
    let detail = Some("no such file".to_owned());
    let never = escape(&Report { detail, ..report(Ending::BootFailed) }, None);
    assert_eq!((never.health, never.measured), (Health::Fail, None));
    assert!(never.finding.ends_with("it ended as boot_failed (no such file)"), "{}", never.finding);
}
