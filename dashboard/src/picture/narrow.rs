//! For phones: Services on top, ReplicaSets with their pods below; traffic runs down at the sides.

use super::{
    Flow, ServiceNode, SetNode, Subject,
    layout::{self, Drawing, Line, ServiceBox, SetBox, Tray},
};
use crate::pages::words::cut;

const WIDTH: i32 = 360;
const SERVICE_HEIGHT: i32 = 74;
const SET_X: i32 = 26;
const SET_WIDTH: i32 = WIDTH - 2 * SET_X;
/// The texts of a ReplicaSet; its pods come below.
const HEAD_HEIGHT: i32 = 92;
const GAP: i32 = 18;

const TRAY: Tray = Tray { x: SET_X + 16, y: 0, columns: 7, size: 33, gap: 7 };

pub(super) fn draw(subject: &Subject) -> Drawing {
    let services: Vec<ServiceBox> =
        subject.services.iter().enumerate().map(|at| place_service(subject, at)).collect();
    let mut y = if services.is_empty() { 4 } else { 4 + SERVICE_HEIGHT + 26 };
    let mut sets = Vec::new();
    for node in &subject.sets {
        let set = place_set(node, y);
        y += set.height + GAP;
        sets.push(set);
    }
    let lines = subject.flows.iter().map(|flow| flow_line(subject, flow, &services, &sets)).collect();
    Drawing { class: "narrow", width: WIDTH, height: y - GAP + 4, lines, services, sets }
}

/// One Service takes the whole width, two share it.
fn place_service(subject: &Subject, (index, node): (usize, &ServiceNode)) -> ServiceBox {
    let count = i32::try_from(subject.services.len()).unwrap_or(1);
    let index = i32::try_from(index).unwrap_or_default();
    let width = (WIDTH - 4 - (count - 1) * 12) / count;
    let chars = usize::try_from((width - 26) / 10).unwrap_or(8);
    let mut service = layout::service_box(node, (2 + index * (width + 12), 4, width, SERVICE_HEIGHT), chars);
    if service.found {
        node.purpose.clone_into(&mut service.note);
    }
    service
}

fn place_set(set: &SetNode, y: i32) -> SetBox {
    let pods_height = TRAY.height(TRAY.rows(set));
    let height = if pods_height == 0 { HEAD_HEIGHT } else { HEAD_HEIGHT + 12 + pods_height + 14 };
    let tray = Tray { y: y + HEAD_HEIGHT + 12, ..TRAY };
    let (pods, more) = tray.place(set);
    SetBox {
        x: SET_X,
        y,
        width: SET_WIDTH,
        height,
        class: set.class,
        fading: set.leaving.is_some(),
        title: format!("Revision {}", set.revision),
        full_name: set.name.clone(),
        hash: set.hash.clone(),
        image: cut(&set.image_short, 32),
        image_full: set.image.clone(),
        status: set.status.clone(),
        tags: layout::tags(set, SET_X + 16),
        pods,
        more,
        ring: set.leaving.as_ref().map(|leaving| layout::ring(leaving, SET_X + SET_WIDTH - 24, y + 76)),
    }
}

/// Down at the left side for the first Service, at the right side for the second, and then inwards.
fn flow_line(subject: &Subject, flow: &Flow, services: &[ServiceBox], sets: &[SetBox]) -> Line {
    let (service, set) = (&services[flow.service], &sets[flow.set]);
    let left = flow.service == 0 || subject.services.len() == 1;
    let (y1, y2) = (service.y + service.height, set.y + 40);
    let (x, edge, turn, tip) = if left {
        (11, set.x - 8, 10, format!("M{} {}l8 5l-8 5z", set.x - 9, y2 - 5))
    } else {
        let edge = set.x + set.width;
        (WIDTH - 11, edge + 8, -10, format!("M{} {}l-8 5l8 5z", edge + 9, y2 - 5))
    };
    Line {
        path: format!("M{x} {y1}V{}Q{x} {y2} {} {y2}H{edge}", y2 - 10, x + turn),
        class: format!("flow {}{}", flow.class, if flow.dry { " dry" } else { "" }),
        title: flow.title.clone(),
        tip,
    }
}
