//! A class: everybody's server, one after another, and a page that shows what to explain again.

use super::report::{Reporter, score};
use super::run::{Plan, Status, Subject, Verdict};
use super::started::{Started, by_hand};
use super::{Options, Problem, Style, print};
use crate::tools::pages;
use crate::wire::html::escape;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Everybody has so long.
const STUDENT: Duration = Duration::from_secs(90);

const WARNING: [&str; 2] = [
    "Це запускає чужі програми на цій машині, з вашими правами. Робіть це в контейнері без мережі:",
    "This runs other people's programs on this machine, with your rights. Do it in a container without a network:",
];
const CONTAINER: &str =
    "docker run --rm -it --init --network none -v \"$PWD\":/class -w /class IMAGE rawchat check …";

const TEMPLATE: &str = include_str!("../../../public/notes/class.html");

struct Student {
    name: String,
    folder: String,
    command: String,
    verdicts: Vec<Verdict>,
}

/// Grades everybody in the file `roster`.
pub fn grade(options: &Options, roster: &str) -> Result<(), Problem> {
    let failed = |what: &str, error: std::io::Error| options.broken(&format!("{what}: {error}"));
    let text = fs::read_to_string(roster).map_err(|error| error.to_string());
    let students = text.and_then(|text| students(&text));
    let mut students =
        students.map_err(|what| Problem::Usage(format!("--roster {roster}: {what}")))?;
    print(&format!("{}\n  {CONTAINER}\n", options.style.of(WARNING)));
    let (count, each) = (students.len(), STUDENT.as_secs());
    let uk = format!("серверів: {count}, кожному до {each} с");
    print(options.style.pick(&uk, &format!("servers: {count}, up to {each} s each")));
    let (folder, out) =
        (Path::new(roster).parent().unwrap_or(Path::new("")), Path::new(options.out));
    fs::create_dir_all(out).map_err(|error| failed(options.out, error))?;
    let save = |name: &str, text: String| {
        fs::write(out.join(name), text).map_err(|error| failed(options.out, error))
    };
    for (number, student) in students.iter_mut().enumerate() {
        let began = Instant::now();
        let plan =
            Plan { ends: began + STUDENT, ends_for_sure: began + STUDENT, ..options.plan.clone() };
        let start = by_hand(std::slice::from_ref(&student.command));
        let mut reporter = Reporter::new(options.style, &plan, "http://127.0.0.1:3000", &start);
        let mut page = format!("{}\n", student.name);
        match Started::start(&shell(&student.command), &folder.join(&student.folder)) {
            Ok(started) => student.verdicts = plan.run(&Subject::ours(started), |_| {}),
            Err(why) => student.verdicts = plan.none(why),
        }
        for verdict in &student.verdicts {
            page += &(reporter.tell(verdict) + "\n");
        }
        page += &reporter.summary(&student.verdicts);
        let failures = student.verdicts.iter().filter(|verdict| verdict.status == Status::Fail);
        page.extend(failures.skip(1).map(|verdict| format!("\n\n{}", reporter.block(verdict))));
        let file = file_name(number, &student.name);
        let [had, max] = score(&student.verdicts);
        print(&format!("{had:>3}/{max}  {}", student.name));
        let (name, content) = (escape(&student.name), escape(&page));
        let content = format!("<pre tabindex=\"0\">{content}</pre>\n");
        save(&(file.clone() + ".html"), document(options.style, &name, &content))?;
        save(&(file + ".txt"), page + "\n")?;
    }
    save("grades.csv", grades(&students))?;
    save("index.html", class_page(options, &students))?;
    print(&format!("\n{}", out.join("index.html").display()));
    students.iter().try_for_each(|student| options.sound(&student.verdicts))
}

/// As a shell has it: a command with its arguments in one text.
fn shell(command: &str) -> Vec<String> {
    let shell = if cfg!(windows) { ["cmd", "/C"] } else { ["sh", "-c"] };
    shell.into_iter().chain([command]).map(str::to_string).collect()
}

/// Lines of `name,folder,command`; a first line that says just that is none.
fn students(text: &str) -> Result<Vec<Student>, String> {
    let mut students = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let cells = cells(line);
        match &cells[..] {
            [only] if only.trim().is_empty() => {}
            [name, folder, command]
                if [&**name, folder, command] == ["name", "folder", "command"] => {}
            [name, folder, command] => {
                let [name, folder, command] =
                    [name, folder, command].map(|cell| cell.trim().to_string());
                students.push(Student { name, folder, command, verdicts: Vec::new() });
            }
            _ => {
                return Err(format!(
                    "line {number}: expected name,folder,command, and came {line:?}"
                ));
            }
        }
    }
    if students.is_empty() { Err("nobody is in it".into()) } else { Ok(students) }
}

/// The cells of a line of CSV (RFC 4180): with commas in quotes, and quotes doubled in them.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.len() - 1;
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => cells[cell].push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => cells[cell].push(other),
        }
    }
    cells
}

fn csv(cell: &str) -> String {
    match cell.contains([',', '"', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.into(),
    }
}

fn grades(students: &[Student]) -> String {
    let ids = students[0].verdicts.iter().map(|verdict| format!(",{}", verdict.check.id));
    let mut out = format!("name,score,max_score{}\n", ids.collect::<String>());
    for student in students {
        let [had, max] = score(&student.verdicts);
        let words = student.verdicts.iter().map(|verdict| format!(",{}", verdict.status.name()));
        let _ = writeln!(out, "{},{had},{max}{}", csv(&student.name), words.collect::<String>());
    }
    out
}

fn file_name(number: usize, name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    format!("{:02}-{}", number + 1, name.chars().map(plain).collect::<String>())
}

/// A page of its own; `title` and `content` are markup.
fn document(style: Style, title: &str, content: &str) -> String {
    let lang = style.pick("uk", "en");
    pages::fill(TEMPLATE, &[("lang", lang), ("title", title), ("content", content)])
}

/// A row a check, a column a student; and first, what most have not managed.
fn class_page(options: &Options, students: &[Student]) -> String {
    let style = options.style;
    let reporter = Reporter::new(style, &options.plan, "", "");
    let lost = |row: usize| {
        students.iter().filter(|student| student.verdicts[row].status == Status::Fail).count()
    };
    let rows = students[0].verdicts.len();
    let mut worst: Vec<usize> = (0..rows).filter(|row| lost(*row) > 0).collect();
    worst.sort_by_key(|row| std::cmp::Reverse(lost(*row)));
    let sentence = |row: usize| {
        let check = students[0].verdicts[row].check;
        format!("{} {}", check.id, escape(style.of(check.sentence())))
    };
    let again: String = worst
        .iter()
        .take(5)
        .map(|row| format!("<li>{}: {}/{}</li>\n", sentence(*row), lost(*row), students.len()))
        .collect();
    let heads: String = students
        .iter()
        .enumerate()
        .map(|(number, student)| {
            let [had, max] = score(&student.verdicts);
            format!(
                "<th scope=\"col\"><a href=\"{}.html\">{}</a><br>{had}/{max}</th>",
                file_name(number, &student.name),
                escape(&student.name)
            )
        })
        .collect();
    let body: String = (0..rows)
        .map(|row| {
            let cells = students.iter().map(|student| {
                let status = student.verdicts[row].status;
                format!("<td class=\"{}\">{}</td>", status.name(), reporter.word(status))
            });
            format!(
                "<tr><th scope=\"row\">{}</th>{}</tr>\n",
                sentence(row),
                cells.collect::<String>()
            )
        })
        .collect();
    let first = style.pick("Пояснити ще раз", "To be explained again");
    let content = format!(
        "<h2>{first}</h2>\n<ol>\n{again}</ol>\n\
         <div class=\"wide\" tabindex=\"0\"><table><tr><td></td>{heads}</tr>\n{body}</table></div>\n"
    );
    document(style, style.pick("Група", "The class"), &content)
}
