//! For wide screens: Services, ReplicaSets and pods from left to right.

use super::{
    Flow, SetNode, Subject,
    layout::{self, Drawing, Line, ServiceBox, SetBox, Tray},
};

const WIDTH: i32 = 1000;
const SERVICE_WIDTH: i32 = 264;
const SERVICE_HEIGHT: i32 = 78;
const SET_WIDTH: i32 = 324;
const SET_HEIGHT: i32 = 108;
const GAP: i32 = 26;
const MARGIN: i32 = 4;
const POD_SIZE: i32 = 33;
const POD_GAP: i32 = 9;
const COLUMNS_MAX: usize = 6;

/// Where the columns stand: the fewer pods there are, the more room the lines have.
#[derive(Clone, Copy)]
struct Columns {
    set_x: i32,
    pods_x: i32,
    /// Pods side by side.
    columns: usize,
}

impl Columns {
    /// With 6 pods side by side 161 units are left for lines: 97 before the ReplicaSets and 64 behind them.
    fn of(subject: &Subject) -> Self {
        let cells = |set: &SetNode| set.pods.len() + usize::from(set.pods_more > 0);
        let columns = subject.sets.iter().map(cells).max().unwrap_or_default().clamp(1, COLUMNS_MAX);
        let pods_width = i32::try_from(columns).unwrap_or(1) * (POD_SIZE + POD_GAP) - POD_GAP;
        let room = WIDTH - 2 * MARGIN - SERVICE_WIDTH - SET_WIDTH - pods_width;
        let set_x = MARGIN + SERVICE_WIDTH + room * 3 / 5;
        Self { set_x, pods_x: WIDTH - MARGIN - pods_width, columns }
    }

    fn tray(self, y: i32) -> Tray {
        Tray { x: self.pods_x, y, columns: self.columns, size: POD_SIZE, gap: POD_GAP }
    }
}

pub(super) fn draw(subject: &Subject) -> Drawing {
    let columns = Columns::of(subject);
    let sets = place_sets(subject, columns);
    let services = place_services(subject, &sets);
    let sets_end = sets.last().map_or(0, |set| set.y + set.height);
    let services_end = services.last().map_or(0, |service| service.y + service.height);
    let mut lines: Vec<Line> =
        subject.flows.iter().map(|flow| flow_line(subject, flow, &services, &sets)).collect();
    lines.extend(
        subject
            .sets
            .iter()
            .zip(&sets)
            .enumerate()
            .filter_map(|(index, (_, set))| pods_line(subject, index, set, columns)),
    );
    Drawing {
        class: "wide",
        width: WIDTH,
        height: sets_end.max(services_end) + MARGIN,
        lines,
        services,
        sets,
    }
}

fn place_sets(subject: &Subject, columns: Columns) -> Vec<SetBox> {
    let mut y = MARGIN;
    let place = |set: &SetNode| {
        let pods_height = columns.tray(0).height(columns.tray(0).rows(set));
        let height = SET_HEIGHT.max(pods_height);
        let tray = columns.tray(y + (height - pods_height) / 2);
        let (pods, more) = tray.place(set);
        let set_box = SetBox {
            x: columns.set_x,
            y: y + (height - SET_HEIGHT) / 2,
            width: SET_WIDTH,
            height: SET_HEIGHT,
            class: set.class,
            fading: set.leaving.is_some(),
            title: format!("Revision {}", set.revision),
            full_name: set.name.clone(),
            hash: set.hash.clone(),
            image: crate::pages::words::cut(&set.image_short, 34),
            image_full: set.image.clone(),
            status: set.status.clone(),
            tags: layout::tags(set, columns.set_x + 16),
            pods,
            more,
            ring: set
                .leaving
                .as_ref()
                .map(|l| layout::ring(l, columns.set_x + SET_WIDTH - 26, y + (height - SET_HEIGHT) / 2 + 84)),
        };
        y += height + GAP;
        set_box
    };
    subject.sets.iter().map(place).collect()
}

/// Beside what they send to, but never over one another.
fn place_services(subject: &Subject, sets: &[SetBox]) -> Vec<ServiceBox> {
    let mut next_y = MARGIN;
    let count_at = |target: Option<usize>| {
        let same =
            subject.services.iter().enumerate().filter(|(index, _)| target_of(subject, *index) == target);
        i32::try_from(same.count()).unwrap_or(1)
    };
    let place = |(index, node): (usize, &super::ServiceNode)| {
        let target = target_of(subject, index);
        let wanted = target.and_then(|target| sets.get(target)).map_or(next_y, |set| {
            // Two Services at one ReplicaSet stand around its middle.
            let stack = count_at(target) * (SERVICE_HEIGHT + 14) - 14;
            set.y + set.height / 2 - stack / 2
        });
        let y = wanted.max(next_y);
        next_y = y + SERVICE_HEIGHT + 14;
        layout::service_box(node, (MARGIN, y, SERVICE_WIDTH, SERVICE_HEIGHT), 23)
    };
    subject.services.iter().enumerate().map(place).collect()
}

fn target_of(subject: &Subject, service: usize) -> Option<usize> {
    subject.flows.iter().find(|flow| flow.service == service).map(|flow| flow.set)
}

fn flow_line(subject: &Subject, flow: &Flow, services: &[ServiceBox], sets: &[SetBox]) -> Line {
    let (service, set) = (&services[flow.service], &sets[flow.set]);
    let (x1, y1) = (service.x + service.width, service.y + service.height / 2);
    // Several arrows at one box end side by side.
    let arrows: Vec<usize> = subject.flows.iter().filter(|f| f.set == flow.set).map(|f| f.service).collect();
    let position = arrows.iter().position(|service| *service == flow.service).unwrap_or_default();
    let offset = spread(position, arrows.len());
    let (x2, y2) = (set.x - 10, set.y + set.height / 2 + offset);
    let middle = (x1 + x2) / 2;
    Line {
        path: format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"),
        class: format!("flow {}{}", flow.class, if flow.dry { " dry" } else { "" }),
        title: flow.title.clone(),
        tip: format!("M{x2} {}l10 6l-10 6z", y2 - 6),
    }
}

/// Two arrows: 17 above and 17 below the middle. One: at the middle.
fn spread(position: usize, count: usize) -> i32 {
    let (position, count) = (i32::try_from(position).unwrap_or_default(), i32::try_from(count).unwrap_or(1));
    (2 * position - (count - 1)) * 17
}

fn pods_line(subject: &Subject, index: usize, set: &SetBox, columns: Columns) -> Option<Line> {
    set.pods.first()?;
    let flows = subject.flows.iter().filter(|flow| flow.set == index && !flow.dry);
    let class = flows.map(|flow| flow.class).min();
    let (x1, x2, y) = (set.x + set.width, columns.pods_x - 10, set.y + set.height / 2);
    Some(Line {
        path: format!("M{x1} {y}H{x2}"),
        class: class.map_or("flow idle".to_owned(), |class| format!("flow {class}")),
        title: format!("pods of {}", set.full_name),
        tip: if class.is_some() { format!("M{} {}l8 5l-8 5z", x2 - 2, y - 5) } else { String::new() },
    })
}
